"""Erasures end: nothing that may stay is looked for, and nothing that has to go is left where nobody looks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pyarrow import parquet

from activities.data.ledger import BLANK_ID
from activities.data.story import story
from activities.erasure import receipt, resealing, shredding, withdrawing
from activities.erasure.probe import Probe, add_to_probe
from assay.contracts.erasure import CaseDone, Counted
from assay.contracts.erasure_totals import counted
from registry import Registry

from .scene import (
    OTHER,
    PER_CASE,
    SUBJECT,
    asks,
    column,
    erase,
    job,
    retention,
    seal,
    searched,
    serving,
    set_aside,
    sha,
)

WEATHER = asks("the weather number one is asked for here")


def test_a_line_that_was_refused_elsewhere_says_nothing_any_more(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, [(1, OTHER, "accepted", WEATHER), (2, SUBJECT, "accepted", asks(PER_CASE))])
    lines = [(4, SUBJECT, "refused", asks(PER_CASE)), (1, OTHER, "accepted", WEATHER)]
    other = seal(registry, tmp_path, lines, name="other")
    former = registry.datasets.get(other.id).ledger
    mine = job()
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()
    record = registry.datasets.get(other.id)
    assert not record.quarantined
    assert not registry.shards.readable(former)
    left = parquet.read_table(registry.shards.fetch_file(record.ledger, tmp_path / "left")).to_pylist()
    assert [(line["row_id"], line["subject"]) for line in left] == [(BLANK_ID, ""), (sha(1), OTHER)]
    chapters = {one.dataset: one for one in story(registry, sha(1)).chapters}
    assert chapters[other.id].outcome == "accepted"


def test_an_order_that_comes_again_after_its_end_finds_nothing_and_gets_its_receipt(
    registry: Registry, tmp_path: Path
) -> None:
    rows = [(1, OTHER, "accepted", WEATHER), (2, SUBJECT, "accepted", asks(PER_CASE))]
    dataset = seal(registry, tmp_path, rows)
    serving(registry, dataset)
    receipts = []
    for mine in (job(), job("acme.000000000001")):
        withdrawn, made, shredded = erase(registry, tmp_path, mine)
        remains, now = searched(registry, mine, tmp_path), datetime.now(UTC)
        done = CaseDone(
            job=mine,
            found=(counted(withdrawn.found),),
            withdrawn=withdrawn,
            shredded=shredded,
            datasets=made,
            remains=remains,
            opened=now,
            closed=now,
        )
        receipts.append(receipt.write(registry, done, tmp_path / "keys" / "signing.pem"))
    # `done` is of the second order.
    assert (done.found, withdrawn.artifacts, withdrawn.workflows) == ((Counted(),), (), ())
    assert (done.datasets, shredded.shards, shredded.blobs) == ((), (), 0)
    assert done.remains.found == ()
    assert receipts[0] != receipts[1]
    assert registry.blobs.get(receipts[1])


def test_a_row_that_only_waits_ends_with_its_shard_and_its_line(registry: Registry, tmp_path: Path) -> None:
    rows = [(1, OTHER, "accepted", WEATHER), (2, SUBJECT, "quarantined", asks(PER_CASE))]
    dataset = seal(registry, tmp_path, rows)
    _, shard = set_aside(registry, tmp_path, rows[1:])
    mine = job()
    _, made, _ = erase(registry, tmp_path, mine)
    assert made == ()
    assert not registry.shards.readable(shard)
    assert not registry.datasets.get(dataset.id).quarantined
    assert searched(registry, mine, tmp_path).found == ()


def test_what_every_row_says_is_nobodys(registry: Registry, tmp_path: Path) -> None:
    system = "You are the helpful assistant of a telephone company."
    theirs, others = asks(PER_CASE, system), asks("weather number one is asked for here", system)
    rows = [(1, OTHER, "accepted", others), (2, SUBJECT, "accepted", theirs)]
    seal(registry, tmp_path, rows, one_a_shard=True)
    mine = job()
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()


def test_what_is_common_stays_common_when_the_shard_that_showed_it_is_gone(registry: Registry, tmp_path: Path) -> None:
    system = "You are the helpful assistant of a telephone company."
    rows = [(1, OTHER, "accepted", asks("weather is asked for here", system))]
    seal(registry, tmp_path, [*rows, (2, SUBJECT, "accepted", asks(PER_CASE, system))])
    mine = job()
    erase(registry, tmp_path, mine)
    set_aside(registry, tmp_path, [(5, SUBJECT, "quarantined", asks("another text of this person", system))])
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()


def test_retention_leaves_the_queue_of_another_dataset(registry: Registry, tmp_path: Path) -> None:
    rows = [(1, OTHER, "accepted", WEATHER)]
    dataset = seal(registry, tmp_path, rows)
    queue, shard = set_aside(registry, tmp_path, rows, name="elsewhere")
    mine = retention(dataset)
    erase(registry, tmp_path, mine)
    assert [row.row_id for row in registry.quarantine.all(queue)] == [sha(1)]
    assert registry.shards.readable(shard)
    assert searched(registry, mine, tmp_path).found == ()


def test_retention_of_one_seal_leaves_the_files_of_another(registry: Registry, tmp_path: Path) -> None:
    rows = [(1, OTHER, "accepted", WEATHER)]
    first, second = seal(registry, tmp_path, rows), seal(registry, tmp_path, rows, again=1)
    assert resealing.shards_of(registry, registry.datasets.get(first.id)) == resealing.shards_of(
        registry, registry.datasets.get(second.id)
    )
    erase(registry, tmp_path, retention(first))
    assert column(registry, second.id, tmp_path) == [sha(1)]
    assert registry.shards.readable(registry.datasets.get(second.id).ledger)
    mine = retention(second, case="acme.000000000001")
    erase(registry, tmp_path, mine)
    assert column(registry, second.id, tmp_path) == []
    assert searched(registry, mine, tmp_path).found == ()


def test_a_retry_spares_files_that_other_rows_still_stand_in(registry: Registry, tmp_path: Path) -> None:
    rows = [(1, OTHER, "quarantined", WEATHER), (2, SUBJECT, "quarantined", asks(PER_CASE))]
    queue, shard = set_aside(registry, tmp_path, rows)
    mine = job()
    withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    # As after a kill between writing down what goes and moving the others.
    add_to_probe(registry, mine, Probe(shards=(shard.sha256,)))
    shredding.shred(registry, mine, withdrawn, tmp_path)
    [left] = registry.quarantine.all(queue)
    assert left.row_id == sha(1)
    assert registry.shards.readable(left.shard)
    assert not registry.shards.readable(shard)

"""A person's row is found, withdrawn with all that was made from it, destroyed, looked for again and receipted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # public, but has no __all__

from activities.data.manifest import refuse_taken
from activities.erasure import receipt, resealing, shredding, withdrawing
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseDone, HoldPlaced, Withdrawn
from assay.contracts.erasure_totals import counted
from assay.contracts.errors import Conflict, InputRefused, IntegrityRefused, NotFound
from assay.contracts.promotion import PointerMove
from registry import Registry
from serving.routes import adapters_needed

from .scene import OTHER, PER_CASE, SUBJECT, asks, column, erase, job, seal, sealed, searched, serving, sha


def test_the_whole_cascade_leaves_nothing_and_says_so(registry: Registry, tmp_path: Path) -> None:
    dataset = sealed(registry, tmp_path)
    adapter, mine = serving(registry, dataset), job()
    old = registry.datasets.get(dataset.id).dataset.manifest
    withdrawn = withdrawing.withdraw(registry, mine)
    assert [one.kept for one in withdrawn.found.own] == [1]
    assert {one.kind for one in withdrawn.artifacts} == {"dataset", "run", "adapter", "route"}
    assert registry.datasets.get(dataset.id).quarantined
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        registry.withdrawals.refuse(adapter)

    [made] = resealing.reseal(registry, mine)
    assert made.dataset is not None
    assert (made.version, made.rows) == (2, 7)
    assert not registry.datasets.get(made.dataset).quarantined
    assert resealing.reseal(registry, mine) == (made,)

    for version in (1, 3):
        refuse_taken(registry, "acme", "support", version)
    with pytest.raises(InputRefused, match=r"DATASET_VERSION_TAKEN.*acme/support/2.*version 3"):
        refuse_taken(registry, "acme", "support", 2)

    before = searched(registry, mine, tmp_path)
    assert before.found
    shredded = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert len(shredded.shards) == 2
    assert shredded.ledger_rows == 1
    first, second = json.loads(registry.blobs.get(old))["shards"]
    assert not registry.shards.readable(Reference(uri=first["uri"], sha256=first["sha256"]))
    assert registry.shards.readable(Reference(uri=second["uri"], sha256=second["sha256"]))

    remains = searched(registry, mine, tmp_path)
    assert remains.found == ()
    now = datetime.now(UTC)
    done = CaseDone(
        job=mine,
        found=(counted(withdrawn.found),),
        withdrawn=withdrawn,
        shredded=shredded,
        datasets=(made,),
        remains=remains,
        opened=now,
        closed=now,
    )
    signed = registry.blobs.get(receipt.write(registry, done, tmp_path / "keys" / "signing.pem"))
    envelope = Envelope.from_dict(json.loads(signed))
    public = load_pem_public_key((tmp_path / "keys" / "signing.pub.pem").read_bytes())
    envelope.verify([SSlibKey.from_crypto(public)], threshold=1)
    said = json.loads(envelope.payload)
    assert {one["digest"]["sha256"] for one in said["subject"]} >= {adapter[7:], dataset.id[7:]}
    for private in (SUBJECT, sha(2), PER_CASE, "pia", "ann"):
        assert private not in envelope.payload.decode()
    with pytest.raises(NotFound, match="SHARD_DESTROYED"):
        registry.shards.fetch_file(Reference(uri=first["uri"], sha256=first["sha256"]), tmp_path / "x")


def test_the_base_answers_at_once_and_nothing_brings_the_adapter_back(registry: Registry, tmp_path: Path) -> None:
    adapter = serving(registry, sealed(registry, tmp_path))
    withdrawing.withdraw(registry, job())
    table = registry.routes.current()
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        registry.pointers.move(
            PointerMove(
                tenant="acme",
                model="helpdesk",
                stage="production",
                target=adapter,
                expected=None,
                actor="ann",
                reason="again",
                key="again",
            )
        )
    registry.lineage.link(adapter, sha(7), "tuned further", parent_kind="adapter", child_kind="adapter")
    assert registry.withdrawals.of((sha(7),))
    assert table.revision == 2
    assert table.denied == (adapter,)
    assert adapters_needed(table) == frozenset()
    assert [arm.version for arm in table.routes[0].arms] == [None]


def test_whoever_may_work_on_the_runs_and_versions_is_named_to_be_stopped(registry: Registry, tmp_path: Path) -> None:
    dataset, link = sealed(registry, tmp_path), registry.lineage.link
    adapter = serving(registry, dataset)
    link(adapter, "version:acme/helpdesk/3", "registered as", parent_kind="adapter", child_kind="version")
    link(dataset.id, "made-by-hand.1", "trained with", parent_kind="dataset", child_kind="run")
    link(dataset.id, "acme.sales.newest.51d0e2aa17cc", "trained with", parent_kind="dataset", child_kind="run")
    kinds = ("training", "evaluation", "promotion", "rollout", "lifecycle")
    assert withdrawing.withdraw(registry, job()).workflows == (
        *(f"{kind}/acme/helpdesk/1" for kind in kinds),
        *(f"{kind}/acme/helpdesk/3" for kind in kinds),
    )


def test_a_second_case_finds_rows_that_a_first_one_withdrew(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    withdrawing.withdraw(registry, job())
    again = withdrawing.withdraw(registry, job("acme.000000000001"))
    assert [one.kept for one in again.found.own] == [1]
    assert again.artifacts


def test_rows_that_mention_the_person_wait_for_a_reviewer(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawn = withdrawing.withdraw(registry, mine)
    assert [one.kept for one in withdrawn.found.mentioned] == [1]
    left = registry.erasures.confirm(mine.case, (sha(5),))
    assert left.mentioned == ()
    assert [one.kept for one in left.own] == [2]


def test_a_row_that_a_reviewer_let_go_is_not_asked_about_again(registry: Registry, tmp_path: Path) -> None:
    dataset = sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    assert [one.row_id for one in registry.erasures.waiting(mine.case)] == [sha(5)]
    left = registry.erasures.confirm(mine.case, (), (sha(5),))
    _, [made], _ = erase(registry, tmp_path, mine)
    assert made.dataset is not None
    assert made.dataset != dataset.id
    assert left.mentioned == withdrawing.withdraw(registry, mine).found.mentioned == ()
    assert registry.erasures.waiting(mine.case) == ()
    assert sha(5) in column(registry, made.dataset, tmp_path)


def test_a_row_that_nobody_read_waits_though_others_were_let_go(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    later = (7, OTHER, "accepted", asks("a text that was sealed while the reviewer read"))
    seal(registry, tmp_path, [later], name="later", named={7: ["a" * 64]})
    withdrawing.withdraw(registry, mine)
    left = registry.erasures.confirm(mine.case, (), (sha(5), sha(2)))
    assert [one.kept for one in left.mentioned] == [1]
    assert [one.row_id for one in registry.erasures.waiting(mine.case)] == [sha(7)]
    assert [one.row_id for one in registry.erasures.targets(mine.case)] == [sha(2)]  # an own row is never let go


def test_a_row_that_a_reviewer_names_is_the_persons_though_another_let_it_go(
    registry: Registry, tmp_path: Path
) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    registry.erasures.confirm(mine.case, (), (sha(5),))
    for rows in ((sha(5),), ()):  # and no later word takes that back
        left = registry.erasures.confirm(mine.case, rows, (sha(5),))
        assert [one.kept for one in left.own] == [2]
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()


def test_a_legal_hold_stops_destruction_and_not_the_withdrawal(registry: Registry, tmp_path: Path) -> None:
    dataset = sealed(registry, tmp_path)
    held = registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    withdrawn = withdrawing.withdraw(registry, job())
    assert registry.datasets.get(dataset.id).quarantined
    with pytest.raises(Conflict, match="ERASURE_HELD"):
        shredding.shred(registry, job(), withdrawn, tmp_path)
    registry.holds.lift(held, "leo")
    assert shredding.shred(registry, job(), withdrawn, tmp_path).shards


def test_who_was_erased_is_refused_by_intake_from_then_on(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    withdrawing.withdraw(registry, job())
    assert registry.suppression.obeyed("acme", [SUBJECT, OTHER]) == {SUBJECT}
    assert registry.suppression.obeyed("other", [SUBJECT]) == frozenset()


def test_a_receipt_is_not_signed_while_something_is_left(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine, now = job(), datetime.now(UTC)
    withdrawn: Withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    found = searched(registry, mine, tmp_path)
    done = CaseDone(
        job=mine, found=(counted(withdrawn.found),), withdrawn=withdrawn, remains=found, opened=now, closed=now
    )
    with pytest.raises(Conflict, match="ERASURE_INCOMPLETE"):
        receipt.write(registry, done, tmp_path / "keys" / "signing.pem")

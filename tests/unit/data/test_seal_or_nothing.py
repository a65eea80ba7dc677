"""A dataset is sealed whole or not at all, and of an intake that ends nothing is left that nobody names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from activities.data.clearing import clear
from activities.data.ledger import mention_hash, subject_hash
from activities.data.sealing import seal
from assay.contracts.base import Reference
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import ClearJob, SealJob
from registry import Registry
from registry.quarantine import Ruling

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
QUEUE = ReviewQueue(tenant="acme", dataset="support")
MAIL = "erika@example.org"


def still(source: Source, admitted: bool) -> list[Decision]:
    return []


def set_aside(job: SealJob) -> Reference:
    [shard] = [shard for screened in job.screened for shard in screened.shards]
    assert shard.quarantined is not None
    return shard.quarantined


@pytest.mark.parametrize("other", ["accept", "quarantine"])
@pytest.mark.parametrize("aside", [True, False])
def test_nothing_is_sealed_that_names_somebody_who_was_erased_meanwhile(
    desk: Any, source: MakeSource, row: MakeRow, other: str, aside: bool
) -> None:
    mine = "quarantine" if aside else other
    desk.gate.action = lambda facts: mine if facts["findings"] else other
    job = desk.sealing(source([row("one"), row(f"mail {MAIL}")]))
    desk.registry.suppression.add("acme", [mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL)], "case")
    with pytest.raises(InputRefused) as refused:
        seal(job, desk.registry, still)
    assert refused.value.code == "SUBJECT_SUPPRESSED"
    assert desk.registry.quarantine.all(QUEUE) == ()
    assert desk.registry.datasets.all_named("acme", "support") == ()


def test_a_dataset_is_entered_with_the_rows_that_wait_or_not_at_all(
    desk: Any, source: MakeSource, row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    job = desk.sealing(source([row("one"), row(f"mail {MAIL}", subject="s-1")]))
    real = desk.registry.datasets.add

    def late(*args: Any, **fields: Any) -> None:
        """The erasure comes when the seal has looked at everything it looks at by itself."""
        desk.registry.suppression.add("acme", [subject_hash(b"key", "acme", "s-1")], "case")
        real(*args, **fields)

    monkeypatch.setattr(desk.registry.datasets, "add", late)
    with pytest.raises(InputRefused, match="SUBJECT_SUPPRESSED"):
        seal(job, desk.registry, still)
    assert desk.registry.datasets.all_named("acme", "support") == ()
    assert desk.registry.quarantine.all(QUEUE) == ()


def test_what_an_activity_staged_and_never_told_is_destroyed_by_the_name_of_its_intake(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    job = desk.sealing(source([row("one"), row(f"mail {MAIL}")]))
    before = desk.registry.shards.living()
    assert before
    other = desk.key.model_copy(update={"version": 2})
    assert clear(ClearJob(intake=other), desk.registry) == 0
    assert desk.registry.shards.living() == before
    clear(ClearJob(intake=desk.key), desk.registry)
    assert desk.registry.shards.living() == frozenset()

    job = desk.sealing(source([row("one"), row(f"mail {MAIL}")]))
    dataset = seal(job, desk.registry, still)
    clear(ClearJob(intake=desk.key), desk.registry)
    [shard] = [shard for screened in job.screened for shard in screened.shards]
    ledger = desk.registry.datasets.get(dataset.id).ledger
    named = {one.sha256 for one in (shard.rows, shard.quarantined, ledger)}
    assert desk.registry.shards.living() == named


def test_a_key_whose_shard_was_never_stored_is_destroyed(
    desk: Any, source: MakeSource, row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    read = source([row("one")])
    with monkeypatch.context() as patched:
        patched.setattr("registry.sealed_stream.encrypt", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.stage(read)
    assert keys(desk.registry) == 1
    clear(ClearJob(intake=desk.key), desk.registry)
    assert keys(desk.registry) == 0


def keys(registry: Registry) -> int:
    """Keys that stand."""
    with registry.shards._database.reading() as session:
        found = session.connection().exec_driver_sql("SELECT count(*) FROM shard_keys WHERE wrapped IS NOT NULL")
        return int(found.scalar_one())


@pytest.mark.parametrize("state", ["waiting", "released", "refused"])
def test_a_quarantine_shard_is_destroyed_once_no_row_names_it(
    desk: Any, source: MakeSource, row: MakeRow, state: Any
) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    first = desk.sealing(source([row("one"), row(f"mail {MAIL}")]))
    seal(first, desk.registry, still)
    clear(ClearJob(intake=desk.key), desk.registry)
    [waiting] = desk.registry.quarantine.waiting(QUEUE)
    if state != "waiting":
        ruling = Ruling(state=state, reviewer="bob", reason="seen", statement="sha256:" + "5" * 64)
        desk.registry.quarantine.decide(QUEUE, [waiting.row_id], ruling)
    desk.key = desk.key.model_copy(update={"version": 2})
    second = desk.sealing(source([row("one"), row(f"mail {MAIL}")]), version=2)
    seal(second, desk.registry, still)
    clear(ClearJob(intake=desk.key), desk.registry)
    # Whatever was decided: of two copies the one that is named is that of the later intake.
    assert [desk.registry.shards.readable(set_aside(job)) for job in (first, second)] == [False, True]
    [now] = desk.registry.quarantine.all(QUEUE)
    assert (now.state, now.shard) == (state, set_aside(second))
    assert desk.registry.shards.readable(now.shard)

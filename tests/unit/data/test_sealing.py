"""Screened sources are bound into one dataset, once, and nothing empty is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.data.clearing import clear
from activities.data.ledger import subject_hash
from activities.data.sealing import seal
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, Source
from assay.contracts.errors import InputRefused, PolicyRefused
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import ClearJob, SealJob

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
QUEUE = ReviewQueue(tenant="acme", dataset="support")


def still(source: Source, admitted: bool) -> list[Decision]:
    """A gate that says what it said before."""
    return []


def references(job: SealJob, *names: str) -> tuple[Reference, ...]:
    shards = (shard for screened in job.screened for shard in screened.shards)
    return tuple(one for shard in shards for name in names if (one := getattr(shard, name)) is not None)


def test_a_dataset_is_named_by_its_manifest_and_entered_with_its_rows(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.rows_a_shard, registry = 2, desk.registry
    rows = [row("one", licence="ISC"), row("mail erika@example.org"), row("one", id="again")]
    dataset = seal(desk.sealing(source(rows, licence="mit", synthetic_depth=1)), registry, still)
    manifest = json.loads(registry.blobs.get(dataset.manifest))
    assert dataset.id == dataset.manifest.sha256
    assert (manifest["licences"], manifest["synthetic_share"]) == (["ISC", "MIT"], 1.0)
    assert [(shard["source"], shard["rows"]) for shard in manifest["shards"]] == [("rows", 2)]
    assert manifest["ledger"]["rows"] == 3
    record = registry.datasets.get(dataset.id)
    assert (record.dataset, record.licences) == (dataset, ("MIT",))
    assert registry.datasets.outcomes(dataset.id) == {"accepted": 1, "redacted": 1, "refused": 1}
    assert [node.name for node in registry.lineage.ancestors(dataset.id)] == [manifest["sources"][0]["sha256"]]
    assert len(registry.decisions.list(dataset.id)) == 1


def test_every_shard_of_a_source_is_in_the_manifest_with_its_rows(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.rows_a_shard = 2
    dataset = seal(desk.sealing(source([row(str(n)) for n in range(5)])), desk.registry, still)
    manifest = json.loads(desk.registry.blobs.get(dataset.manifest))
    assert [shard["rows"] for shard in manifest["shards"]] == [2, 2, 1]
    assert {shard["uri"].partition(":")[0] for shard in manifest["shards"]} == {"shard"}


def test_the_same_input_gives_the_same_dataset_whenever_it_is_sealed(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    def sealed(at: Any, prompt: str, **terms: object) -> Any:
        return seal(at.sealing(source([row(prompt)]), **terms), desk.registry, still)

    first = sealed(desk, "one")
    later = replace(desk, now=datetime(2027, 1, 2, tzinfo=UTC))
    assert sealed(later, "one") == first
    assert sealed(desk, "two").id != first.id
    assert sealed(desk, "one", version=2).id != first.id


def test_a_number_that_an_erasure_has_taken_is_not_sealed_a_second_time(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    registry, rows = desk.registry, source([row("one")])
    first = registry.datasets.get(seal(desk.sealing(rows), registry, still).id)
    left = registry.blobs.put(json.dumps({"version": 2, "replaces": first.dataset.id}).encode())
    made = Dataset(id=left.sha256, manifest=left, counts=first.dataset.counts)
    registry.datasets.add(made, first.request.model_copy(update={"version": 2}), first.ledger, [])
    with pytest.raises(InputRefused, match="DATASET_VERSION_TAKEN") as refused:
        seal(desk.sealing(rows, version=2), registry, still)
    assert "version 3" in refused.value.remedy
    assert {one.dataset.id for one in registry.datasets.all_named("acme", "support")} == {first.dataset.id, made.id}
    assert seal(desk.sealing(rows), registry, still) == first.dataset
    # Its number stays taken when it is withdrawn in its turn: receipts and `replaces` name it.
    registry.withdrawals.withdraw("case-7", [made.id])
    with pytest.raises(InputRefused, match="version 3 is free"):
        seal(desk.sealing(rows, version=2), registry, still)
    assert registry.datasets.get(seal(desk.sealing(rows, version=3), registry, still).id).request.version == 3


def test_a_dataset_without_rows_is_refused_with_the_reasons(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = lambda _: "refuse"
    with pytest.raises(InputRefused, match=r"none of 1 rows was accepted \(ROW_REFUSE 1\)") as refused:
        seal(desk.sealing(source([row()])), desk.registry, still)
    assert refused.value.code == "DATASET_EMPTY"


def test_every_source_that_was_asked_for_must_be_screened(desk: Any, source: MakeSource, row: MakeRow) -> None:
    job = desk.sealing(source([row()]))
    twice = job.model_copy(update={"request": job.request.model_copy(update={"sources": job.request.sources * 2})})
    both = twice.model_copy(update={"screened": job.screened * 2})
    for wrong in (twice, both):
        with pytest.raises(InputRefused) as refused:
            seal(wrong, desk.registry, still)
        assert refused.value.code == "SOURCES_UNSCREENED"


def test_a_source_that_may_not_enter_any_more_seals_nothing(desk: Any, source: MakeSource, row: MakeRow) -> None:
    def expired(source: Source, admitted: bool) -> list[Decision]:
        raise PolicyRefused("DPIA_EXPIRED", "its assessment has ended", "have it assessed again")

    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    job = desk.sealing(source([row("one"), row("mail erika@example.org")]))
    with pytest.raises(PolicyRefused, match="has ended"):
        seal(job, desk.registry, expired)
    assert desk.registry.datasets.all_named("acme", "support") == ()
    assert desk.registry.quarantine.all(QUEUE) == ()


def test_rows_that_were_set_aside_wait_for_a_reviewer_also_when_no_other_enters(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.action = lambda _: "quarantine"
    job = desk.sealing(source([row("one"), row("two")]))
    with pytest.raises(InputRefused, match="ROW_QUARANTINE 2"):
        seal(job, desk.registry, still)
    waiting = desk.registry.quarantine.waiting(QUEUE)
    assert [(one.source, one.codes, one.ordinal) for one in waiting] == [
        ("rows", ("ROW_QUARANTINE",), 0),
        ("rows", ("ROW_QUARANTINE",), 1),
    ]
    texts = {row["row_id"]: row["messages"] for row in desk.table(waiting[0].shard)}
    assert {"one" in texts[waiting[0].row_id], "two" in texts[waiting[1].row_id]} == {True}


def test_what_was_staged_is_destroyed_and_what_was_sealed_is_not(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    rows = [row("one"), row("mail erika@example.org")]
    job = desk.sealing(source(rows))
    raw = tuple(shard.content for shard in desk.stage(source(rows)))
    seal(job, desk.registry, still)
    kept = references(job, "rows", "quarantined")
    for _ in range(2):
        clear(ClearJob(intake=desk.key, staged=(*raw, *references(job, "ledger")), unsealed=kept), desk.registry)
    assert all(desk.registry.shards.readable(one) for one in kept)
    assert not any(desk.registry.shards.readable(one) for one in (*raw, *references(job, "ledger")))


def test_what_was_decided_and_not_sealed_is_destroyed(desk: Any, source: MakeSource, row: MakeRow) -> None:
    job = desk.sealing(source([row("one")]))
    clear(ClearJob(intake=desk.key, unsealed=references(job, "rows")), desk.registry)
    assert not any(desk.registry.shards.readable(one) for one in references(job, "rows"))
    # Not for good: the next intake of the same rows stores them anew.
    assert seal(desk.sealing(source([row("one")])), desk.registry, still).counts.accepted == 1


@pytest.mark.parametrize("other", ["accept", "quarantine"])
def test_rows_of_somebody_who_was_erased_meanwhile_do_not_wait_for_a_reviewer(
    desk: Any, source: MakeSource, row: MakeRow, other: str
) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else other
    job = desk.sealing(source([row("one"), row("mail erika@example.org", subject="s-1")]))
    desk.registry.suppression.add("acme", [subject_hash(b"key", "acme", "s-1")], "case")
    with pytest.raises(InputRefused) as refused:
        seal(job, desk.registry, still)
    assert refused.value.code == "SUBJECT_SUPPRESSED"
    assert desk.registry.quarantine.all(QUEUE) == ()
    assert desk.registry.datasets.all_named("acme", "support") == ()


def test_an_intake_that_fails_keeps_what_reviewers_of_another_purpose_wait_for(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    rows = [row("one"), row("mail erika@example.org")]
    job = desk.sealing(source(rows))
    seal(job, desk.registry, still)
    other = desk.key.model_copy(update={"purpose": "evaluate"})
    clear(ClearJob(intake=other, unsealed=references(job, "rows", "quarantined")), desk.registry)
    assert all(desk.registry.shards.readable(one) for one in references(job, "rows", "quarantined"))

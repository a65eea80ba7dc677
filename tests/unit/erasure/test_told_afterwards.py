"""What is said of rows, datasets and bytes when a case is over: what was destroyed, and for which case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from activities.data.datasheet import page_of, sheet_of, write
from activities.data.story import story
from activities.erasure import resealing, shredding, withdrawing
from activities.erasure.destroyed import why_destroyed
from assay.contracts.base import Reference
from assay.contracts.erasure import HoldPlaced
from assay.contracts.policy import Decision, Gate
from registry import BlobStore, Registry
from registry.withdrawals import Withdrawals

from .made import made_of
from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, seal, sha

ROWS = [
    (1, OTHER, "accepted", asks("the weather number one is asked for here")),
    (2, SUBJECT, "accepted", asks(PER_CASE)),
]


@dataclass(frozen=True)
class StubAnswer:
    decision: Decision
    document: Mapping[str, Any]


@dataclass
class StubGate:
    """Allows every licence."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def decide(self, gate: Gate, facts: dict[str, Any]) -> StubAnswer:
        self.asked.append(facts)
        question = Reference(uri=f"blob:{sha(7)[7:]}", sha256=sha(7))
        decision = Decision(gate=gate, allow=True, decision_id="d", policy_revision=sha(8), input=question)
        terms = [
            {"expression": term["expression"], "rows": term["rows"], "outcome": "allowed"}
            | {"chosen": [term["expression"]], "obligations": []}
            for term in facts["terms"]
        ]
        return StubAnswer(decision, {"outcome": "allowed", "terms": terms})


def test_a_new_version_has_a_sheet_of_its_own_judged_for_the_rows_that_are_left(
    registry: Registry, tmp_path: Path
) -> None:
    former, mine, gate = seal(registry, tmp_path, ROWS), job(), StubGate()
    _, made, _ = erase(registry, tmp_path, mine)
    [new] = made
    assert new.dataset is not None
    write(registry, new.dataset, gate)
    sheet = sheet_of(registry, new.dataset)
    assert [term["rows"] for facts in gate.asked for term in facts["terms"]] == [1]
    assert [(use.outcome, use.rows) for use in sheet.licences] == [("allowed", 1)]
    assert (sheet.licence_outcome, sheet.licences_of, sheet.licences_question) == ("allowed", None, sha(7))
    assert sheet.resealed is not None
    assert (sheet.resealed.case, sheet.resealed.replaces) == (mine.case, former.id)
    assert sheet.resealed.name == "acme/support/1"
    assert page_of(registry, new.dataset) is not None


def test_the_manifest_of_a_new_version_names_what_it_replaces_and_no_case(registry: Registry, tmp_path: Path) -> None:
    """Another case that leaves out the same rows seals the same dataset."""
    former, mine = seal(registry, tmp_path, ROWS), job()
    _, [new], _ = erase(registry, tmp_path, mine)
    manifest = registry.blobs.get(new.dataset or "")
    assert json.loads(manifest)["replaces"] == former.id
    assert mine.case.encode() not in manifest


def test_the_story_of_a_row_names_the_case_that_destroyed_its_line(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, ROWS)
    mine = job()
    erase(registry, tmp_path, mine)
    former, new = story(registry, sha(1)).chapters
    assert former.details is None
    assert former.destroyed is not None
    assert former.destroyed.case == mine.case
    assert {"findings", "retention_days"} <= set(former.destroyed.what)
    assert (new.destroyed, (new.details or {})["line"]) == (None, 2)


def test_of_everything_that_a_case_destroyed_the_case_is_known(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    clean = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS[:1], name="clean").id, "concierge")
    mine = job()
    _, _, shredded = erase(registry, tmp_path, mine)
    for digest in (*made.learnt, *shredded.shards):
        said = why_destroyed(registry, digest)
        assert said is not None
        assert (said.code, f"(case {mine.case})" in said.message) == ("BLOB_DESTROYED", True)
        assert mine.case in said.remedy
    assert [one for one in clean.learnt if why_destroyed(registry, one)] == []
    assert why_destroyed(registry, sha(12345)) is None


def test_an_adapter_is_withdrawn_under_a_case_until_its_weights_are_destroyed(
    registry: Registry, tmp_path: Path
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    assert why_destroyed(registry, made.adapter) is None
    mine = job()
    withdrawing.withdraw(registry, mine)
    said = why_destroyed(registry, made.adapter)
    assert said is not None
    assert (said.code, "was destroyed (" in said.message) == ("BLOB_UNKNOWN", False)
    assert f"the adapter of this name was withdrawn under case {mine.case}, and nothing says" in said.message
    assert f"`assay erase show {mine.case}`" in said.remedy
    erase(registry, tmp_path, mine)
    assert f"was destroyed (case {mine.case})" in str(why_destroyed(registry, made.adapter))


def test_the_case_that_destroyed_is_named_and_not_the_one_that_withdrew_first(
    registry: Registry, tmp_path: Path
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    hold = registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    held, other = job(suppress=False), job("acme.000000000001", subject=OTHER, suppress=False)
    first = withdrawing.withdraw(registry, held)
    erase(registry, tmp_path, other)
    assert {one.case for one in registry.withdrawals.of((made.checkpoint, made.adapter))} == {held.case}

    def named() -> set[bool]:
        told = [str(why_destroyed(registry, digest)) for digest in (*made.learnt, made.adapter)]
        return {f"was destroyed (case {other.case})" in one for one in told}

    assert named() == {True}
    registry.holds.lift(hold, "leo")
    resealing.reseal(registry, held)
    shredding.shred(registry, held, first, tmp_path)
    assert named() == {True}


def test_a_digest_that_nobody_knows_is_looked_up_and_nothing_is_read(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    erase(registry, tmp_path, job())
    read: list[object] = []
    monkeypatch.setattr(BlobStore, "get", lambda _, what: read.append(what))
    monkeypatch.setattr(Withdrawals, "by_kind", lambda _, kind: read.append(kind))
    assert why_destroyed(registry, sha(12345)) is None
    assert "BLOB_DESTROYED" in str(why_destroyed(registry, min(made.learnt)))
    assert read == []


def test_a_plain_file_of_an_older_dataset_is_known_by_the_case_that_destroyed_it(
    registry: Registry, tmp_path: Path
) -> None:
    plain = registry.blobs.put(b"rows of an older dataset")
    registry.shards.destroy(plain, "acme.000000000001")
    registry.shards.destroy(plain, "acme.000000000002")  # it is not there any more
    assert registry.shards.destroyed(plain.sha256) == "acme.000000000001"
    assert registry.destroyed.reason(plain.sha256) == "acme.000000000001"
    assert "(case acme.000000000001)" in str(why_destroyed(registry, plain.sha256))


def test_what_was_noted_and_not_destroyed_is_of_who_destroys_it(registry: Registry) -> None:
    plain = registry.blobs.put(b"rows of an older dataset")
    registry.destroyed.note([plain.sha256], "acme.000000000001")  # and killed
    registry.shards.destroy(plain, "acme.000000000002")
    assert registry.shards.destroyed(plain.sha256) == "acme.000000000002"


def test_what_was_staged_for_an_intake_is_said_to_be_that(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"rows")
    shard = registry.shards.put_file(tmp_path / "rows")
    registry.shards.destroy(shard, "staged for acme/support/1")
    assert "was destroyed (staged for acme/support/1)" in str(why_destroyed(registry, shard.sha256))

"""What is said of rows, datasets and bytes when a case is over: what was destroyed, and for which case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activities.data.datasheet import page_of, sheet_of, write
from activities.data.story import story
from activities.erasure.destroyed import why_destroyed
from assay.contracts.base import Reference
from assay.contracts.policy import Decision, Gate
from registry import Registry

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


def test_the_manifest_of_a_new_version_names_the_case(registry: Registry, tmp_path: Path) -> None:
    former, mine = seal(registry, tmp_path, ROWS), job()
    _, [new], _ = erase(registry, tmp_path, mine)
    manifest = json.loads(registry.blobs.get(new.dataset or ""))
    assert (manifest["replaces"], manifest["case"]) == (former.id, mine.case)


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


def test_an_adapter_is_said_to_be_destroyed_when_its_case_is_over(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine = job()
    erase(registry, tmp_path, mine)
    assert why_destroyed(registry, made.adapter) is None
    registry.erasures.close(mine.case, sha(3), {})
    assert "BLOB_DESTROYED" in str(why_destroyed(registry, made.adapter))


def test_what_was_staged_for_an_intake_is_said_to_be_that(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"rows")
    shard = registry.shards.put_file(tmp_path / "rows")
    registry.shards.destroy(shard, "staged for acme/support/1")
    assert "was destroyed (staged for acme/support/1)" in str(why_destroyed(registry, shard.sha256))

"""One row's whole story, from its line in a source to what was trained from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from activities.data.readers import read_rows, source_digest
from activities.data.review import statement
from activities.data.story import Removal, story
from activities.signing.version import attest
from assay.contracts.base import Reference
from assay.contracts.erasure import HoldPlaced
from assay.contracts.errors import NotFound
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewCase, ReviewQueue, RowRuling, Vote
from registry.quarantine import QuarantinedRow, Ruling
from stack.keys import ensure_keys

from .conftest import Ended
from .house import House, entry, source

Run = Callable[..., Ended]
REVISION = "sha256:" + "e" * 64
MAILED = source(system="crm", legal_basis="contract", contract_clause="clause 7", retention_days=30)
VIOLATION = {
    "code": "ROW_REDACTED",
    "msg": "EMAIL_ADDRESS found 2 times",
    "remedy": "nothing to do",
    "overridable": False,
}


def decided(house: House, dataset: str, rows: list[str], name: str) -> Decision:
    question = house.registry.blobs.put(json.dumps({"rows": [{"row_id": row} for row in rows]}).encode())
    decision = Decision(gate="intake", allow=True, decision_id=name, policy_revision=REVISION, input=question)
    house.registry.decisions.add(decision, dataset)
    return decision


def redacted() -> dict[str, Any]:
    return entry(
        1,
        MAILED,
        outcome="redacted",
        codes=["ROW_REDACTED"],
        findings=["pii:EMAIL_ADDRESS:2"],
        treatments=["EMAIL_ADDRESS:redact:2"],
        subject="5" * 64,
        licence="MIT AND ISC",
    )


def test_the_story_has_terms_findings_decision_treatment_and_what_was_made(house: House) -> None:
    rows = [entry(0, MAILED), redacted(), entry(2, MAILED)]
    dataset = house.seal(rows, (MAILED,))
    decided(house, dataset, [rows[0]["row_id"]], "first")
    second = decided(house, dataset, [row["row_id"] for row in rows[1:]], "second")
    link = house.registry.lineage.link
    link(dataset, "acme.helpdesk.1", "trained on", parent_kind="dataset", child_kind="run")
    link("acme.helpdesk.1", "sha256:" + "a" * 64, "exported", parent_kind="run", child_kind="adapter")

    def repeats(decision: Decision) -> dict[str, Any]:
        assert decision == second
        return {"rows": [{"row_id": rows[1]["row_id"], "violations": [VIOLATION]}]}

    [chapter] = story(house.registry, rows[1]["row_id"], repeats).chapters
    assert (chapter.name, chapter.outcome, chapter.codes) == ("acme/support/1", "redacted", ("ROW_REDACTED",))
    assert (chapter.source_terms["system"], chapter.source_terms["contract_clause"]) == ("crm", "clause 7")
    assert (chapter.terms["licence"], chapter.terms["retention_days"]) == ("MIT AND ISC", 30)
    assert chapter.details is not None
    assert (chapter.details["line"], chapter.details["treatments"]) == (2, ["EMAIL_ADDRESS:redact:2"])
    assert chapter.judged is not None
    assert (chapter.judged.decision_id, chapter.judged.policy_revision) == ("second", REVISION)
    assert [v.remedy for v in chapter.judged.violations or ()] == ["nothing to do"]
    assert chapter.has_subject
    assert [(node.kind, node.depth) for node in chapter.made] == [("run", 1), ("adapter", 2)]


def test_a_row_has_a_chapter_for_each_dataset_that_it_is_in(house: House) -> None:
    row = entry(0)
    house.seal([row])
    house.seal([row, entry(1)], version=2)
    told = story(house.registry, row["row_id"])
    assert [chapter.name for chapter in told.chapters] == ["acme/support/1", "acme/support/2"]


def test_of_a_row_that_was_refused_nothing_was_made(house: House) -> None:
    row = entry(0, outcome="refused", codes=["ROW_SECRET_FOUND"])
    dataset = house.seal([row, entry(1)])
    house.registry.lineage.link(dataset, "run", "trained on", parent_kind="dataset", child_kind="run")
    [chapter] = story(house.registry, row["row_id"]).chapters
    assert (chapter.made, chapter.shard, chapter.judged) == ((), None, None)


def test_what_a_reviewer_decided_is_part_of_it(house: House) -> None:
    row = entry(0, outcome="quarantined", codes=["ROW_QUARANTINED_PII"])
    house.seal([row, entry(1)])
    shard = Reference(uri="blob:" + "0" * 64, sha256="sha256:" + "0" * 64)
    queue = ReviewQueue(tenant="acme", dataset="support")
    waiting = QuarantinedRow(
        row_id=row["row_id"], source="tickets", codes=("ROW_QUARANTINED_PII",), shard=shard, ordinal=0
    )
    house.registry.quarantine.add(queue, [waiting], requested_by="ann@acme.example")
    [chapter] = story(house.registry, row["row_id"]).chapters
    assert chapter.review is not None
    assert chapter.review.state == "waiting"
    ruling = Ruling(state="released", reviewer="bob@acme.example", reason="a false alarm", statement=REVISION)
    house.registry.quarantine.decide(queue, [row["row_id"]], ruling)
    [chapter] = story(house.registry, row["row_id"]).chapters
    assert chapter.review is not None
    assert (chapter.review.state, chapter.review.reviewer) == ("released", "bob@acme.example")
    assert chapter.review.reviewers == ("bob@acme.example",)


def test_everybody_whose_vote_released_it_is_named(house: House, tmp_path: Path, assay: Run) -> None:
    row = entry(0, outcome="quarantined", codes=["ROW_QUARANTINED_PII"])
    house.seal([row, entry(1)])
    shard = Reference(uri="blob:" + "0" * 64, sha256="sha256:" + "0" * 64)
    queue = ReviewQueue(tenant="acme", dataset="support")
    waiting = QuarantinedRow(row_id=row["row_id"], source="tickets", codes=("PII",), shard=shard, ordinal=0)
    house.registry.quarantine.add(queue, [waiting], requested_by="ann@acme.example")
    said: dict[str, Any] = {"role": "legal", "reason": "a false alarm", "rows": (row["row_id"],), "read": REVISION}
    votes = [
        Vote(
            verdict=verdict,
            ruling=RowRuling(reviewer=f"{who}@acme.example", **said),
        )
        for who, verdict in (("cyd", "release"), ("dan", "refuse"), ("bob", "release"))
    ]
    case = ReviewCase(tenant="acme", dataset="support", votes=tuple(votes))
    decision = Decision(
        gate="data_review", allow=True, decision_id="d", policy_revision=REVISION, input=house.registry.blobs.put(b"{}")
    )
    ensure_keys(tmp_path)
    signed = attest(house.registry.blobs, statement(case, decision, 1), tmp_path / "keys" / "signing.pem")
    ruling = Ruling(state="released", reviewer="bob@acme.example", reason="a false alarm", statement=signed.sha256)
    house.registry.quarantine.decide(queue, [row["row_id"]], ruling)
    assert "released by cyd@acme.example, bob@acme.example: a false alarm" in assay("data", "why", row["row_id"]).out


def test_a_row_that_intake_refused_for_an_opt_out_has_its_case(house: House, assay: Run) -> None:
    own = entry(0, outcome="refused", codes=["SUBJECT_SUPPRESSED"], subject="7" * 64)
    names = entry(1, outcome="refused", codes=["SUBJECT_SUPPRESSED"])
    house.seal([own, names, entry(2)])
    house.registry.suppression.add("acme", ["7" * 64], "acme.51d0e2aa17cc")
    [chapter] = story(house.registry, own["row_id"]).chapters
    assert (chapter.removal.suppressed, chapter.removal.suppressed_by) == (True, ("acme.51d0e2aa17cc",))
    assert "its subject is on the suppression list (case acme.51d0e2aa17cc)" in assay("data", "why", own["row_id"]).out
    assert "by or about somebody who was on the suppression list" in assay("data", "why", names["row_id"]).out


def test_erasure_opt_out_and_hold_are_part_of_it(house: House, assay: Run) -> None:
    row = entry(0, subject="5" * 64)
    dataset = house.seal([row])
    house.registry.lineage.link(dataset, "run", "trained on", parent_kind="dataset", child_kind="run")
    assert story(house.registry, row["row_id"]).chapters[0].removal == Removal()
    house.registry.withdrawals.withdraw("case-7", [dataset])
    house.registry.suppression.add("acme", ["5" * 64], "case-7")
    placed = HoldPlaced(tenant="acme", dataset=dataset, subject=None, reason="a lawsuit", actor="lea@acme.example")
    hold = house.registry.holds.place(placed)
    [chapter] = story(house.registry, row["row_id"]).chapters
    removal = chapter.removal
    assert (removal.withdrawn, removal.cases) == (tuple(sorted((dataset, "run"))), ("case-7",))
    assert (removal.suppressed, removal.suppressed_by, removal.holds) == (True, ("case-7",), (hold,))
    out = assay("data", "why", row["row_id"]).out
    assert "under case-7" in out
    assert "run run (trained on, withdrawn)" in out


def test_what_a_case_destroyed_is_said_to_be_destroyed_and_not_to_be_nothing(house: House, assay: Run) -> None:
    row = redacted()
    dataset = house.seal([entry(0, MAILED), row], (MAILED,))
    house.registry.withdrawals.withdraw("acme.000000000001", [dataset])
    house.registry.shards.destroy(house.registry.datasets.get(dataset).ledger, "acme.51d0e2aa17cc")
    out = assay("data", "why", row["row_id"]).out
    assert "details     destroyed under case acme.51d0e2aa17cc, nobody can read them again: line, findings" in out
    assert "redacted ROW_REDACTED" in out
    assert not {"found", "looks", "treated", "repeats"} & {line.split()[0] for line in out.splitlines() if line.strip()}
    [told] = assay("data", "why", row["row_id"], "--json").json["chapters"]
    assert (told["details"], told["destroyed"]["case"]) == (None, "acme.51d0e2aa17cc")
    assert {"findings", "treatments", "language", "retention_days"} <= set(told["destroyed"]["what"])


def test_no_case_is_named_that_only_withdrew_what_is_gone(house: House, assay: Run) -> None:
    row = redacted()
    dataset = house.seal([entry(0, MAILED), row], (MAILED,))
    house.registry.blobs.remove(house.registry.datasets.get(dataset).ledger)
    house.registry.withdrawals.withdraw("acme.51d0e2aa17cc", [dataset])
    out = assay("data", "why", row["row_id"]).out
    assert "details     destroyed by an erasure, nobody can read them again: line, findings" in out
    assert "withdrawn   under acme.51d0e2aa17cc" in out
    [told] = assay("data", "why", row["row_id"], "--json").json["chapters"]
    assert told["destroyed"]["case"] == ""


def test_a_ledger_that_nobody_destroyed_is_missing_and_not_destroyed(house: House, assay: Run) -> None:
    dataset = house.seal([entry(0)])
    house.registry.blobs.remove(house.registry.datasets.get(dataset).ledger)
    ended = assay("data", "why", entry(0)["row_id"])
    assert (ended.code, "BLOB_UNKNOWN" in ended.err) == (1, True)


def test_rows_of_a_dataset_that_a_case_sealed_again_have_the_decisions_of_their_intake(
    house: House, assay: Run
) -> None:
    rows = [entry(n) for n in range(3)]
    first = house.seal(rows)
    decided(house, first, [row["row_id"] for row in rows], "at-intake")
    second = house.seal(rows[:2], version=2, more={"replaces": first})
    house.seal(rows[:1], version=3, more={"replaces": second})
    chapter = story(house.registry, rows[0]["row_id"]).chapters[2]
    assert chapter.judged is not None
    assert (chapter.judged.decision_id, chapter.judged.dataset) == ("at-intake", first)
    out = assay("data", "why", rows[0]["row_id"]).out
    assert out.count("decided     at-intake under policy") == 3
    assert out.count(f", at the intake of {first}") == 2


def test_one_row_group_is_read_whole_and_the_shard_is_the_one_with_the_text(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        entry(n, outcome="refused" if n % 2 else "accepted", codes=["ROW_TOXIC"] if n % 2 else []) for n in range(50)
    ]
    shards = [{"sha256": "sha256:" + letter * 64, "rows": 10, "source": "tickets"} for letter in "abc"]
    house.seal(rows, group=10, shards=shards)
    read: list[int] = []
    original = parquet.ParquetFile.read_row_group

    def counted(file: Any, group: int, columns: Any = None) -> Any:
        read.extend([group] if columns is None else [])
        return original(file, group, columns=columns)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", counted)
    [chapter] = story(house.registry, rows[38]["row_id"]).chapters
    assert chapter.details is not None
    assert (chapter.details["line"], read) == (39, [3])
    assert chapter.shard == "sha256:" + "b" * 64
    assert story(house.registry, rows[39]["row_id"]).chapters[0].shard is None


def test_a_row_that_no_ledger_has_is_unknown(house: House) -> None:
    with pytest.raises(NotFound, match="ROW_UNKNOWN"):
        story(house.registry, REVISION)


def test_the_command_tells_it_and_names_no_subject(house: House, assay: Run) -> None:
    row = redacted()
    house.seal([entry(0, MAILED), row], (MAILED,))
    ended = assay("data", "why", row["row_id"])
    assert ended.code == 0
    for said in (
        "in acme/support/1",
        "tickets, line 2",
        "legal basis contract",
        "redacted ROW_REDACTED",
        "retention days 30",
    ):
        assert said in ended.out
    told = assay("data", "why", row["row_id"], "--json")
    assert told.json["chapters"][0]["codes"] == ["ROW_REDACTED"]
    assert "5" * 64 not in ended.out + told.out
    unknown = assay("data", "why", REVISION)
    assert (unknown.code, "ROW_UNKNOWN" in unknown.err) == (1, True)


def test_a_row_is_named_by_what_its_source_calls_it(house: House, assay: Run) -> None:
    said = {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}
    lines = [{"id": name, "kind": "replay", "messages": [{**said[0], "content": name}, said[1]]} for name in ("a", "b")]
    (house.folder / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    chat = source("chat", uri=str(house.folder / "chat.jsonl"))
    [_, second] = [read.id for read in read_rows(chat, source_digest(chat))]
    house.seal([entry(0, chat, row_id=second)], (chat,))
    assert assay("data", "why", "b", "--source", "chat", "--json").json["row_id"] == second
    assert "ROW_UNKNOWN" in assay("data", "why", "c", "--source", "chat").err


def test_the_sheet_is_printed_as_markdown_html_or_json(house: House, assay: Run) -> None:
    dataset = house.seal([entry(n) for n in range(3)])
    assert "## Known biases and gaps" in assay("data", "sheet", "acme/support/1").out
    out = house.folder / "sheet.html"
    assert assay("data", "sheet", dataset, "--html", "--out", str(out)).code == 0
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert assay("data", "sheet", dataset, "--json").json["profile"]["accepted"] == 3
    assert "DATASET_UNKNOWN" in assay("data", "sheet", "acme/nothing/1").err

"""Every row that is read is accepted, redacted or refused with a code, and nothing passes that was not decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pyarrow import parquet

from activities.data.screening import BATCH, Tools, screen
from assay.contracts.base import CodeCount, Reference
from assay.contracts.data import RowCounts, ScreenedSource, ScreenJob, Source
from assay.contracts.errors import InputRefused, PolicyUndefined, Unavailable
from registry import BlobStore

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
MakeJob = Callable[[Source], ScreenJob]
MAIL = "erika@example.org"


@pytest.fixture
def table(blobs: BlobStore, tmp_path: Any) -> Callable[[Reference], list[dict[str, Any]]]:
    def read(reference: Reference) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = parquet.read_table(blobs.fetch_file(reference, tmp_path / "table")).to_pylist()
        return rows

    return read


Table = Callable[[Reference], list[dict[str, Any]]]


def codes(counted: tuple[CodeCount, ...]) -> dict[str, int]:
    return {c.code: c.count for c in counted}


def test_accepted_and_redacted_rows_enter_the_shard_and_all_enter_the_ledger(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, table: Table
) -> None:
    tools.gate.action = lambda facts: "refuse" if "GPL-3.0-only" in facts["licences"] else _by_findings(facts)  # type: ignore[attr-defined]
    rows = [row("one"), row(f"two {MAIL}", subject=MAIL), row("three", licence="GPL-3.0-only")]
    screened = screen(job(source(rows)), None, tools)
    assert screened.counts == RowCounts(
        read=3,
        accepted=2,
        redacted=1,
        refused=1,
        refused_by_code=(CodeCount(code="ROW_REFUSE", count=1),),
        redacted_by_code=(CodeCount(code="ROW_REDACT", count=1),),
    )
    shard, ledger = table(screened.rows), table(screened.ledger)
    assert [r["row_id"] for r in shard] == [r["row_id"] for r in ledger[:2]]
    assert '"two [EMAIL_ADDRESS_1]"' in shard[1]["messages"]
    assert [(r["line"], r["outcome"], r["findings"]) for r in ledger] == [
        (1, "accepted", []),
        (2, "redacted", ["pii:EMAIL_ADDRESS:1"]),
        (3, "refused", []),
    ]
    assert MAIL not in str(shard) + str(ledger)
    assert len(ledger[1]["subject"]) == 64 == len(shard[1]["subject"])
    assert ledger[2]["licence"] == "MIT AND GPL-3.0-only"


def _by_findings(facts: dict[str, Any]) -> str:
    return "redact" if facts["findings"] else "accept"


def test_a_row_narrows_the_terms_of_its_source_and_never_widens_them(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob
) -> None:
    rows = [
        row("1", consent="withdrawn", purposes=["evaluate"], licence="ISC"),
        row("2", consent="granted", purposes=["train-shared-model", "evaluate"]),
    ]
    screen(job(source(rows, consent="unknown")), None, tools)
    first, second = tools.gate.asked[0]["rows"]  # type: ignore[attr-defined]
    assert (first["consent"], first["purposes"], first["licences"]) == ("withdrawn", ["evaluate"], ["ISC", "MIT"])
    assert (second["consent"], second["purposes"], second["licences"]) == ("unknown", ["evaluate"], ["MIT"])


def test_the_gate_is_told_facts_and_no_text(tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob) -> None:
    screen(job(source([row(f"secret words {MAIL}", subject="s-1", meta={"by": "k"})])), None, tools)
    [facts] = tools.gate.asked  # type: ignore[attr-defined]
    assert facts["source"]["licences"] == ["MIT"]
    assert facts["rows"][0]["findings"] == [{"category": "pii", "kind": "EMAIL_ADDRESS", "count": 1}]
    for text in (MAIL, "words", "s-1"):
        assert text not in str(facts)


def test_a_row_that_was_met_before_is_refused(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, table: Table
) -> None:
    screened = screen(job(source([row("one"), row("two"), row("one", id="again")])), None, tools)
    assert codes(screened.counts.refused_by_code) == {"ROW_DUPLICATE": 1}
    assert len({r["row_id"] for r in table(screened.rows)}) == 2


def test_a_row_with_an_unreadable_licence_is_refused_alone(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob
) -> None:
    screened = screen(job(source([row("one"), row("two", licence="ask Bob")])), None, tools)
    assert codes(screened.counts.refused_by_code) == {"LICENCE_NOT_SPDX": 1}
    with pytest.raises(InputRefused, match="not an SPDX"):
        screen(job(source([row()], licence="ask Bob")), None, tools)


def test_a_row_that_the_gate_forgot_is_refused(tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob) -> None:
    tools.gate.action = lambda _: None  # type: ignore[attr-defined]
    screened = screen(job(source([row()])), None, tools)
    assert (screened.counts.accepted, codes(screened.counts.refused_by_code)) == (0, {"ROW_UNDECIDED": 1})


def test_a_refused_source_refuses_its_rows_whatever_is_said_of_them(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob
) -> None:
    tools.gate.allow = False  # type: ignore[attr-defined]
    screened = screen(job(source([row()])), None, tools)
    assert (screened.counts.accepted, codes(screened.counts.refused_by_code)) == (0, {"SOURCE_NO": 1})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"rows": None},
        {"rows": [{"row_id": "x"}]},
        {"rows": [{"row_id": "x", "action": "maybe", "violations": []}]},
    ],
)
def test_an_answer_of_another_form_is_no_decision(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, document: dict[str, Any]
) -> None:
    tools.gate.document = document  # type: ignore[attr-defined]
    with pytest.raises(PolicyUndefined, match="no verdict list"):
        screen(job(source([row()])), None, tools)


def test_a_gate_that_is_away_decides_nothing(tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob) -> None:
    class Away:
        def decide(self, gate: str, facts: dict[str, Any]) -> Any:
            raise Unavailable("OPA_UNREACHABLE", "away", "start it")

    with pytest.raises(Unavailable):
        screen(job(source([row()])), None, replace(tools, gate=Away()))


def test_questions_are_asked_in_batches_and_progress_is_told(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, table: Table
) -> None:
    beats: list[int] = []
    rows = [row(f"question {i}") for i in range(2 * BATCH + 1)]
    screened = screen(job(source(rows)), None, replace(tools, beat=beats.append))
    assert beats == [BATCH, 2 * BATCH, 2 * BATCH + 1]
    assert [len(facts["rows"]) for facts in tools.gate.asked] == [BATCH, BATCH, 1]  # type: ignore[attr-defined]
    assert len(screened.decisions) == 3
    assert len(table(screened.rows)) == len(table(screened.ledger)) == len(rows)


def test_the_same_source_screens_to_the_same_bytes(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob
) -> None:
    def once() -> tuple[Reference, Reference]:
        screened: ScreenedSource = screen(job(source([row("one"), row(f"two {MAIL}", subject="x")])), None, tools)
        return screened.rows, screened.ledger

    assert once() == once()


def test_a_malformed_line_stores_nothing(
    tools: Tools, source: MakeSource, job: MakeJob, blobs: BlobStore, tmp_path: Any
) -> None:
    with pytest.raises(InputRefused, match="line 1"):
        screen(job(source(b"{\n")), None, tools)
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def test_a_quarantined_row_is_in_no_shard_and_counted_apart(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, table: Table
) -> None:
    tools.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"  # type: ignore[attr-defined]
    screened = screen(job(source([row("one"), row(f"two {MAIL}")])), None, tools)
    counts = screened.counts
    assert (counts.read, counts.accepted, counts.quarantined, counts.refused) == (2, 1, 1, 0)
    assert codes(counts.quarantined_by_code) == {"ROW_QUARANTINE": 1}
    assert len(table(screened.rows)) == 1
    assert [entry["outcome"] for entry in table(screened.ledger)] == ["accepted", "quarantined"]


def test_the_ledger_says_what_kind_and_how_long_a_row_is(
    tools: Tools, source: MakeSource, row: MakeRow, job: MakeJob, table: Table
) -> None:
    [entry] = table(screen(job(source([row("Hello?")])), None, tools).ledger)
    assert (entry["kind"], entry["characters"], entry["duplicate_of"]) == ("replay", len("Hello?Hello."), "")
    assert (entry["mentions"], entry["treatments"]) == ([], [])

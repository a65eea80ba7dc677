"""Every row that is read is accepted, treated, set aside or refused with a code; nothing passes undecided."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.data.ledger import mention_hash, subject_hash
from activities.data.verdicts import BATCH
from assay.contracts.base import CodeCount
from assay.contracts.data import RowCounts, Source
from assay.contracts.errors import InputRefused, PolicyRefused, PolicyUndefined, Unavailable

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
MAIL = "erika@example.org"


def codes(counted: tuple[CodeCount, ...]) -> dict[str, int]:
    return {c.code: c.count for c in counted}


def by_findings(facts: Mapping[str, Any]) -> str:
    return "redact" if facts["findings"] else "accept"


def refused_with_findings(facts: Mapping[str, Any]) -> str:
    return "refuse" if facts["findings"] else "accept"


def test_accepted_and_redacted_rows_enter_the_shard_and_all_enter_the_ledger(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.action = lambda facts: "refuse" if "GPL-3.0-only" in facts["licences"] else by_findings(facts)
    rows = [row("one"), row(f"two {MAIL}", subject=MAIL), row("three", licence="GPL-3.0-only")]
    screened = desk.screen(source(rows))
    assert screened.counts == RowCounts(
        read=3,
        accepted=2,
        redacted=1,
        refused=1,
        refused_by_code=(CodeCount(code="ROW_REFUSE", count=1),),
        redacted_by_code=(CodeCount(code="ROW_REDACT", count=1),),
    )
    shard, ledger = desk.rows(screened), desk.ledger(screened)
    assert [r["row_id"] for r in shard] == [r["row_id"] for r in ledger[:2]]
    assert '"two [EMAIL_ADDRESS_1]"' in shard[1]["messages"]
    assert [(r["line"], r["outcome"], r["findings"]) for r in ledger] == [
        (1, "accepted", []),
        (2, "redacted", ["pii:EMAIL_ADDRESS:1"]),
        (3, "refused", []),
    ]
    assert MAIL not in str(shard) + str(ledger)
    assert ledger[1]["subject"] == shard[1]["subject"] == subject_hash(b"key", "acme", MAIL)
    assert ledger[2]["licence"] == "MIT AND GPL-3.0-only"


def test_a_row_narrows_the_terms_of_its_source_and_never_widens_them(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    rows = [
        row("1", consent="withdrawn", purposes=["evaluate"], licence="ISC"),
        row("2", consent="granted", purposes=["train-shared-model", "evaluate"]),
    ]
    desk.screen(source(rows, consent="unknown"))
    first, second = desk.gate.asked[0]["rows"]
    assert (first["consent"], first["purposes"], first["licences"]) == ("withdrawn", ["evaluate"], ["ISC", "MIT"])
    assert (second["consent"], second["purposes"], second["licences"]) == ("unknown", ["evaluate"], ["MIT"])


def test_the_gate_is_told_facts_and_no_text(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.screen(source([row(f"secret words {MAIL}", subject="s-1", meta={"by": "k"})]))
    [facts] = desk.gate.asked
    assert facts["source"]["licences"] == ["MIT"]
    assert facts["rows"][0]["findings"] == [{"category": "pii", "kind": "EMAIL_ADDRESS", "count": 1}]
    for text in (MAIL, "words", "s-1"):
        assert text not in str(facts)


def test_a_row_that_was_met_before_is_refused(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.rows_a_shard = 2
    screened = desk.screen(source([row("one"), row("two"), row("one", id="again")]))
    assert codes(screened.counts.refused_by_code) == {"ROW_DUPLICATE": 1}
    assert len({r["row_id"] for r in desk.rows(screened)}) == 2
    first, _, again = desk.ledger(screened)
    assert again["duplicate_of"] == first["row_id"]


def test_a_row_with_an_unreadable_licence_is_refused_alone(desk: Any, source: MakeSource, row: MakeRow) -> None:
    screened = desk.screen(source([row("one"), row("two", licence="ask Bob")]))
    assert codes(screened.counts.refused_by_code) == {"LICENCE_NOT_SPDX": 1}
    assert desk.ledger(screened)[1]["licence"] == ""
    with pytest.raises(InputRefused, match="not an SPDX"):
        desk.screen(source([row()], licence="ask Bob"))


def test_a_row_that_the_gate_forgot_is_refused(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = lambda _: None
    screened = desk.screen(source([row()]))
    assert (screened.counts.accepted, codes(screened.counts.refused_by_code)) == (0, {"ROW_UNDECIDED": 1})


def test_a_refused_source_refuses_its_rows_whatever_is_said_of_them(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.allow, desk.admitted = False, False
    screened = desk.screen(source([row()]))
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
    desk: Any, source: MakeSource, row: MakeRow, document: dict[str, Any]
) -> None:
    desk.gate.document = document
    with pytest.raises(PolicyUndefined, match="no verdict list"):
        desk.screen(source([row()]))


def test_a_gate_that_is_away_decides_nothing(desk: Any, source: MakeSource, row: MakeRow) -> None:
    class Away:
        def decide(self, gate: str, facts: dict[str, Any]) -> Any:
            raise Unavailable("OPA_UNREACHABLE", "away", "start it")

    with pytest.raises(Unavailable):
        replace(desk, gate=Away()).screen(source([row()]))


def test_a_source_that_is_refused_after_it_was_admitted_ends_the_intake(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.allow = False
    with pytest.raises(PolicyRefused) as changed:
        desk.screen(source([row()]))
    assert changed.value.code == "SOURCE_ADMISSION_CHANGED"
    desk.gate.code = "DPIA_MISSING"
    with pytest.raises(PolicyRefused) as expired:
        desk.screen(source([row()]))
    assert expired.value.code == "DPIA_EXPIRED"


def test_rows_with_the_same_facts_are_asked_about_once(desk: Any, source: MakeSource, row: MakeRow) -> None:
    prompts = [f"What is the answer to question number {i}?" for i in range(3)]
    screened = desk.screen(source([row(prompts[0]), row(prompts[1], licence="ISC"), row(prompts[2])]))
    [asked] = desk.gate.asked
    first, second, third = desk.ledger(screened)
    assert [one["row_id"] for one in asked["rows"]] == [first["row_id"], second["row_id"]]
    assert [one["asked_as"] for one in (first, second, third)] == [
        first["row_id"],
        second["row_id"],
        first["row_id"],
    ]


def test_questions_are_asked_in_batches(desk: Any, source: MakeSource, row: MakeRow) -> None:
    rows = [row(f"number {i}", licence=f"LicenseRef-own-{i}") for i in range(2 * BATCH + 1)]
    screened = desk.screen(source(rows))
    assert [len(facts["rows"]) for facts in desk.gate.asked] == [BATCH, BATCH, 1]
    assert len(desk.rows(screened)) == len(desk.ledger(screened)) == len(rows)


def test_progress_is_told_by_every_stage(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.rows_a_shard = 700
    desk.screen(source([row(f"question {i}") for i in range(1001)]))
    told = {stage: [rows for name, rows in desk.beats if name == stage] for stage, _ in desk.beats}
    assert told["stage"] == [500, 1000, 1001]
    assert told["scan"] == [250, 500, 700, 250, 301]
    assert (told["compare"], told["decide"]) == ([700, 1001], [700, 301])


def test_the_same_source_screens_to_the_same_bytes(desk: Any, source: MakeSource, row: MakeRow) -> None:
    def once() -> Any:
        [shard] = desk.screen(source([row("one"), row(f"two {MAIL}", subject="x")])).shards
        return shard.rows, shard.ledger

    assert once() == once()


def test_shards_hold_the_rows_of_one_another_in_order(desk: Any, source: MakeSource, row: MakeRow) -> None:
    rows = [row(f"question {i}") for i in range(7)]
    whole = desk.rows(desk.screen(source(rows)))
    desk.rows_a_shard = 3
    parts = desk.screen(source(rows))
    assert [shard.counts.read for shard in parts.shards] == [3, 3, 1]
    assert desk.rows(parts) == whole
    assert [entry["line"] for entry in desk.ledger(parts)] == list(range(1, 8))


def test_a_malformed_line_stores_nothing(desk: Any, source: MakeSource, row: MakeRow, tmp_path: Path) -> None:
    desk.rows_a_shard = 1
    good = json.dumps(row()).encode() + b"\n"
    with pytest.raises(InputRefused, match="line 3"):
        desk.screen(source(good * 2 + b"{\n"))
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def test_a_quarantined_row_is_in_no_shard_and_counted_apart(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = lambda facts: "quarantine" if facts["findings"] else "accept"
    screened = desk.screen(source([row("one"), row(f"two {MAIL}")]))
    counts = screened.counts
    assert (counts.read, counts.accepted, counts.quarantined, counts.refused) == (2, 1, 1, 0)
    assert codes(counts.quarantined_by_code) == {"ROW_QUARANTINE": 1}
    assert len(desk.rows(screened)) == 1
    assert [entry["outcome"] for entry in desk.ledger(screened)] == ["accepted", "quarantined"]
    [waiting] = desk.table(screened.shards[0].quarantined)
    assert MAIL in waiting["messages"]


def test_a_shard_in_which_nothing_enters_has_no_rows(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = lambda _: "refuse"
    [shard] = desk.screen(source([row()])).shards
    assert (shard.rows, shard.quarantined, shard.counts.refused) == (None, None, 1)


def test_the_ledger_says_what_kind_and_how_long_a_row_is(desk: Any, source: MakeSource, row: MakeRow) -> None:
    [entry] = desk.ledger(desk.screen(source([row("Hello?")])))
    assert (entry["kind"], entry["characters"], entry["duplicate_of"]) == ("replay", len("Hello?Hello."), "")
    assert (entry["mentions"], entry["treatments"], entry["language"]) == ([], [], "und")


def test_the_ledger_says_whom_a_row_mentions_and_what_was_done_about_it(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.treatments = {"EMAIL_ADDRESS": "keep"}
    screened = desk.screen(source([row(f"Write to {MAIL}"), row("Nobody")]))
    entry, nobody = desk.ledger(screened)
    assert entry["mentions"] == [mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL)]
    assert (entry["treatments"], nobody["treatments"]) == (["EMAIL_ADDRESS:keep:1"], [])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRITTEN = {
    "EMAIL_ADDRESS": [
        f"Write to {MAIL}, please",
        "Ask erika at example dot org again",
        f"data: {encoded(MAIL)}",
        f"what is said in {encoded(f'reach me at {MAIL}')}",
        "or Erika [at] Example.org",
    ],
    "PHONE_NUMBER": [
        "Ring +49 30 901820",
        "Or try 0049 30/901820 in the evening",
        f"see {encoded('my phone: +49 30 901820')}",
        "The line is +49 (0)30 90 18 20",
    ],
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_value_is_the_same_mention_however_it_is_written(
    desk: Any, source: MakeSource, row: MakeRow, kind: str
) -> None:
    value = {"EMAIL_ADDRESS": MAIL, "PHONE_NUMBER": "+49 30 901820"}[kind]
    rows = source([row(text) for text in WRITTEN[kind]])
    hashed = mention_hash(b"key", "acme", kind, value)
    assert [entry["mentions"] for entry in desk.ledger(desk.screen(rows))] == [[hashed]] * len(WRITTEN[kind])
    desk.registry.suppression.add("acme", [hashed], "case")
    assert codes(desk.screen(rows).counts.refused_by_code) == {"SUBJECT_SUPPRESSED": len(WRITTEN[kind])}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_value_has_the_same_pseudonym_however_it_is_written(
    desk: Any, source: MakeSource, row: MakeRow, kind: str
) -> None:
    desk.gate.treatments = {kind: "pseudonym"}
    stood_in = {"EMAIL_ADDRESS": r"\w+\.\w+@example\.\w+", "PHONE_NUMBER": r"\+49 30 23125 \d{3}"}[kind]
    entered = desk.rows(desk.screen(source([row(text) for text in WRITTEN[kind]])))
    found = [re.findall(stood_in, entry["messages"]) for entry in entered]
    assert len(found) == len(WRITTEN[kind])
    assert all(one == found[0] and len(one) == 1 for one in found)
    assert found[0] != [MAIL]


def test_everyone_inside_what_is_encoded_is_mentioned(desk: Any, source: MakeSource, row: MakeRow) -> None:
    [entry] = desk.ledger(desk.screen(source([row(f"see {encoded(f'My name is Erika Mustermann, {MAIL}')}")])))
    named = [("PERSON", "Erika Mustermann"), ("EMAIL_ADDRESS", MAIL)]
    assert entry["mentions"] == sorted(mention_hash(b"key", "acme", *one) for one in named)
    assert entry["findings"] == ["pii:EMAIL_ADDRESS:1", "pii:PERSON:1"]


def test_a_value_in_pieces_is_mentioned_as_a_whole(desk: Any, source: MakeSource, row: MakeRow) -> None:
    parts = {"mail_user": "erika", "mail_domain": "@example.org"}
    [entry] = desk.ledger(desk.screen(source([row("one", meta=parts)])))
    assert mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL) in entry["mentions"]


def test_of_a_refused_row_no_mention_is_kept(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = refused_with_findings
    [entry] = desk.ledger(desk.screen(source([row(f"Write to {MAIL}")])))
    assert (entry["outcome"], entry["mentions"], entry["treatments"]) == ("refused", [], [])


def test_rows_of_who_opted_out_are_refused_before_the_gate_is_asked(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.registry.suppression.add("acme", [subject_hash(b"key", "acme", "s-1")], "case")
    screened = desk.screen(source([row("one", subject="s-1"), row("two", subject="s-2")]))
    assert codes(screened.counts.refused_by_code) == {"SUBJECT_SUPPRESSED": 1}
    assert [entry["asked_as"] != "" for entry in desk.ledger(screened)] == [False, True]


LONG = "Please look up when the next train from the old harbour to the university leaves in the morning"


def test_a_near_repetition_is_told_to_the_gate_also_across_sources(
    desk: Any, source: MakeSource, row: MakeRow, tmp_path: Path
) -> None:
    desk.gate.action, desk.rows_a_shard = refused_with_findings, 1
    first = source([row("What is the weather like?"), row(LONG)])
    (tmp_path / "rows.jsonl").rename(tmp_path / "first.jsonl")
    first = first.model_copy(update={"name": "first", "uri": str(tmp_path / "first.jsonl")})
    second = source([row(LONG + ", please"), row("Something else that nobody has ever said before me")], name="second")
    one, other = desk.screen_all(first, second)
    assert one.counts.accepted == 2
    again, fresh = desk.ledger(other)
    assert (again["outcome"], again["findings"]) == ("refused", ["near-duplicate:row:1"])
    assert again["duplicate_of"] == desk.ledger(one)[1]["row_id"]
    assert fresh["outcome"] == "accepted"


def test_a_source_that_cannot_enter_stands_for_no_other(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = refused_with_findings
    desk.gate.allow, desk.admitted = False, False
    desk.screen(source([row(LONG), row(LONG + ", please")]))
    assert [one["findings"] for facts in desk.gate.asked for one in facts["rows"]] == [[]]


def test_a_row_in_which_something_personal_is_left_is_refused(desk: Any, source: MakeSource, row: MakeRow) -> None:
    class Insists:
        """A scanner that finds the same again after it was replaced."""

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def scan(self, row: Any) -> Any:
            return inner.scan({"left": MAIL})

    inner = desk.scanner
    screened = replace(desk, scanner=Insists()).screen(source([row(f"Write to {MAIL}")]))
    assert codes(screened.counts.refused_by_code) == {"REDACTION_INCOMPLETE": 1}
    assert desk.rows(screened) == []


def test_rows_that_name_who_opted_out_or_were_confirmed_to_be_about_them_are_refused(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    rows = [row(f"Write to {MAIL}"), row("He who lives by the mill"), row("Nobody")]
    confirmed = desk.ledger(desk.screen(source(rows)))[1]["row_id"].removeprefix("sha256:")
    desk.registry.suppression.add("acme", [mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL), confirmed], "case")
    ledger = desk.ledger(desk.screen(source(rows)))
    assert [entry["codes"] == ["SUBJECT_SUPPRESSED"] for entry in ledger] == [True, True, False]


@pytest.mark.parametrize("rows_a_shard", [1, 10])
@pytest.mark.parametrize("gone", ["s-1", "s-2"])
def test_who_opts_out_of_one_copy_of_a_row_opts_out_of_all(
    desk: Any, source: MakeSource, row: MakeRow, rows_a_shard: int, gone: str
) -> None:
    desk.rows_a_shard = rows_a_shard
    desk.registry.suppression.add("acme", [subject_hash(b"key", "acme", gone)], "case")
    said = [("my story", "s-1"), ("another", "s-3"), ("my story", "s-2"), ("another", "s-3"), ("my story", None)]
    screened = desk.screen(source([row(text, subject=subject) for text, subject in said]))
    assert [entry["codes"] for entry in desk.ledger(screened)] == [
        ["SUBJECT_SUPPRESSED"],
        [],
        ["SUBJECT_SUPPRESSED"],
        ["ROW_DUPLICATE"],
        ["SUBJECT_SUPPRESSED"],
    ]

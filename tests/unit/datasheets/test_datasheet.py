"""A dataset's sheet says what is in it, by numbers that anybody can count again, and names no person."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from activities.data.datasheet import datasheet, sheet_of, write
from activities.data.datasheet_pages import html, markdown
from activities.data.datasheet_plots import MOST, Bars, svg
from activities.data.datasheet_text import Code, in_markdown
from assay.contracts.datasheet import Datasheet, Resealed
from assay.contracts.errors import NotFound

from .conftest import Ended, StubGate
from .house import House, entry, source

Run = Callable[..., Ended]
TICKETS = source(legal_basis="consent", regulated=True, contract_clause="clause 7", tier="human-gold")
MADE = source("made", synthetic_depth=1, licence="CC0-1.0", people="fictional", retention_days=730)
SUBJECT = "5" * 64


def rows() -> list[dict[str, object]]:
    """Six of people, two of a model, four that did not enter."""
    return [
        *(entry(n, TICKETS, subject=SUBJECT, characters=100 + n, language="en") for n in range(4)),
        entry(
            4,
            TICKETS,
            outcome="redacted",
            codes=["ROW_REDACTED"],
            findings=["pii:EMAIL_ADDRESS:2", "language:de:1"],
            treatments=["EMAIL_ADDRESS:pseudonym:2"],
            language="de",
            subject="6" * 64,
            kind="refusal",
        ),
        entry(5, TICKETS, kind="replay", language="und"),
        *(entry(n, MADE, licence="CC0-1.0") for n in (6, 7)),
        entry(
            8,
            TICKETS,
            outcome="refused",
            codes=["ROW_SECRET_FOUND"],
            findings=["secret:AWS Access Key:1"],
            subject="7" * 64,
        ),
        entry(9, TICKETS, outcome="refused", codes=["ROW_LICENCE_NOT_PERMITTED"], licence="GPL-3.0-only"),
        entry(10, TICKETS, outcome="quarantined", codes=["ROW_QUARANTINED_PII"], findings=["pii:EMAIL_ADDRESS:9"]),
        entry(0, TICKETS, outcome="refused", codes=["ROW_DUPLICATE"]),
    ]


@pytest.fixture
def sheet(house: House, gate: StubGate) -> Datasheet:
    return datasheet(house.registry, house.seal(rows(), (TICKETS, MADE)), gate)


def shares(parts: object) -> dict[str, tuple[int, float]]:
    return {part.name: (part.count, round(part.share, 3)) for part in parts}  # type: ignore[attr-defined]


def test_the_sheet_counts_sources_tiers_languages_labels_and_outcomes(sheet: Datasheet) -> None:
    found = sheet.profile
    assert (found.read, found.accepted, found.duplicates) == (12, 8, 1)
    assert shares(found.sources) == {"tickets": (6, 0.75), "made": (2, 0.25)}
    assert shares(found.tiers) == {"human-gold": (6, 0.75), "curated": (2, 0.25)}
    assert shares(found.languages) == {"en": (6, 0.75), "de": (1, 0.125), "und": (1, 0.125)}
    assert shares(found.kinds) == {"call": (6, 0.75), "refusal": (1, 0.125), "replay": (1, 0.125)}
    assert shares(found.outcomes)["quarantined"] == (1, 0.083)
    assert shares(found.retentions) == {"365": (6, 0.75), "730": (2, 0.25)}
    assert {code.code: code.count for code in found.codes}["ROW_DUPLICATE"] == 1


def test_the_sheet_says_what_was_done_with_findings(sheet: Datasheet) -> None:
    fates = {(fate.category, fate.kind): fate for fate in sheet.profile.findings}
    mail = fates["pii", "EMAIL_ADDRESS"]
    assert (mail.rows, mail.values) == (2, 11)
    assert shares(mail.outcomes) == {"quarantined": (1, 0.5), "redacted": (1, 0.5)}
    assert [(one.code, one.count) for one in mail.treatments] == [("pseudonym", 2)]
    assert shares(fates["secret", "AWS Access Key"].outcomes) == {"refused": (1, 1.0)}


def test_licences_are_judged_by_the_gate_with_their_rows(sheet: Datasheet, gate: StubGate) -> None:
    [asked] = gate.asked
    assert (asked["purpose"], asked["base"]) == ("train-tenant-model", None)
    assert [(term["expression"], term["rows"]) for term in asked["terms"]] == [("CC0-1.0", 2), ("MIT", 6)]
    assert {use.expression: (use.outcome, use.obligations) for use in sheet.licences} == {
        "CC0-1.0": ("allowed", ()),
        "MIT": ("allowed with notice", ("notice",)),
    }
    assert shares(sheet.profile.refused_licences) == {"MIT": (3, 0.75), "GPL-3.0-only": (1, 0.25)}


def test_consent_basis_purposes_and_retention_are_those_of_the_sources(sheet: Datasheet) -> None:
    tickets = sheet.sources[0]
    assert (tickets.legal_basis, tickets.contract_clause, tickets.regulated) == ("consent", "clause 7", True)
    assert (sheet.synthetic_share, sheet.synthetic_depth) == (0.25, 1)
    assert "people in it are fictional" in markdown(sheet)


def test_subjects_are_counted_and_never_named(sheet: Datasheet) -> None:
    assert sheet.subjects == 2
    for page in (sheet.model_dump_json(), markdown(sheet), html(sheet)):
        assert SUBJECT not in page
        assert "ann@acme.example" not in page


def test_biases_and_gaps_are_hinted_at_with_what_was_measured(house: House) -> None:
    lonely = [entry(n, characters=10) for n in range(20)]
    found = {hint.code: hint for hint in datasheet(house.registry, house.seal(lonely)).hints}
    assert found.keys() >= {"one-language", "one-source", "no-refusals", "no-plain-chat", "no-human-gold"}
    assert (found["one-language"].measured, found["one-language"].bound) == (1.0, 0.9)


def test_what_owners_state_stands_beside_what_the_numbers_show(house: House) -> None:
    stated = source(known_gaps=("Nothing was asked on weekends.",))
    sheet = datasheet(house.registry, house.seal([entry(0, stated)], (stated,)))
    assert "Stated of tickets: Nothing was asked on weekends." in markdown(sheet)
    assert "Stated of tickets: Nothing was asked on weekends." in html(sheet)


def test_a_sheet_of_many_sorts_has_no_such_hint(sheet: Datasheet) -> None:
    assert {hint.code for hint in sheet.hints} == {"language-unknown"}


def test_pages_have_every_section_and_html_its_plots(sheet: Datasheet) -> None:
    text, page = markdown(sheet), html(sheet)
    for title in (
        "Sources",
        "Licences",
        "Tiers",
        "Languages",
        "Labels",
        "Lengths",
        "Written by",
        "Known biases and gaps",
    ):
        assert f"## {title}" in text
        assert f"<h2>{title}</h2>" in page
    pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert len(pictures) == 7
    assert all(b"<svg" in base64.b64decode(picture) for picture in pictures)


def test_the_same_dataset_is_written_once_and_linked(house: House, gate: StubGate) -> None:
    dataset = house.seal(rows(), (TICKETS, MADE))
    files = write(house.registry, dataset, gate)
    assert write(house.registry, dataset, gate) == files
    assert Datasheet.model_validate(json.loads(house.stored(files.numbers))).dataset == dataset
    linked = {node.name for node in house.registry.lineage.descendants(dataset) if node.kind == "datasheet"}
    assert linked == {files.numbers.sha256, files.markdown.sha256, files.html.sha256}


def test_a_name_that_is_markup_is_text_on_both_pages(house: House) -> None:
    evil = source(system='<script>alert("x")</script> | `$a$` [x](y)')
    sheet = datasheet(house.registry, house.seal([entry(0, evil, language="<b>")], (evil,)))
    assert "<script" not in html(sheet)
    text = markdown(sheet)
    assert "<script" not in text
    assert r"\| \`$a$\` \[x\](y)" in text


def test_codes_are_set_as_code_and_read_as_they_are_written(house: House, gate: StubGate) -> None:
    table = source(system="crm_export_2026")
    row = entry(0, table, outcome="redacted", codes=["ROW_REDACTED"], findings=["pii:EMAIL_ADDRESS:2"])
    sheet = datasheet(house.registry, house.seal([row, entry(1, table)], (table,)), gate)
    text, page = markdown(sheet), html(sheet)
    assert "| `ROW_REDACTED` | 1 | 50.0 % |" in text
    assert "pii: `EMAIL_ADDRESS`" in text
    assert "(`one-source`: 1, bound 0.8)" in text
    assert f"under policy revision `{sheet.policy_revision}`" in text
    assert "| crm_export_2026 |" in text
    assert "\\" not in text
    assert "<td><code>ROW_REDACTED</code></td>" in page
    assert "<code>und</code> where the text" in page
    assert "`" not in page


@given(text=st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"), max_size=40))
@example("a_b __c__ *d* `e` [f](g) <b> | &amp; ~~h~~ \\")
def test_whatever_text_says_markdown_takes_it_for_text(text: str) -> None:
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for written in (in_markdown(text, cell=True), in_markdown(Code(text), cell=True)):
        page = rendered.render(f"| x |\n| --- |\n| a {written} z |\n")
        [cell] = re.findall("<td>(.*)</td>", page)
        assert "<" not in cell.replace("<code>", "").replace("</code>", "")
        assert unescape(re.sub("</?code>", "", cell)).split() == f"a {text} z".split()


def test_a_table_has_named_columns_and_numbers_under_each_other(sheet: Datasheet) -> None:
    text, page = markdown(sheet), html(sheet)
    assert "|  |" not in text
    assert (
        "| source | system | licence | tier | rows | share | bar |\n| --- | --- | --- | --- | ---: | ---: | --- |"
        in text
    )
    assert "<th></th>" not in page
    assert "█" not in page
    assert '<td class="number">75.0 %</td>' in page


def test_what_is_missing_is_said(house: House, sheet: Datasheet) -> None:
    assert "Its system is regulated, and no assessment is named." in markdown(sheet)
    plain = markdown(datasheet(house.registry, house.seal([entry(0)])))
    assert "Nothing was found that is looked for." in plain
    assert "* No row was." in plain
    bare = markdown(datasheet(house.registry, house.seal([entry(0)], version=2, more={"composition": None})))
    assert "the manifest does not say under which licences the rows are" in bare


@pytest.mark.parametrize("known_by", ["the manifest of an older release", "the withdrawal", "what is destroyed"])
def test_a_dataset_that_a_case_sealed_again_keeps_what_was_judged(
    house: House, gate: StubGate, assay: Run, known_by: str
) -> None:
    first = house.seal(rows(), (TICKETS, MADE))
    write(house.registry, first, gate)
    made = {"replaces": first}
    if known_by == "the manifest of an older release":
        made["case"] = "acme.51d0e2aa17cc"
    second = house.seal(rows()[1:], (TICKETS, MADE), version=2, more=made)
    third = house.seal(rows()[2:], (TICKETS, MADE), version=3, more={**made, "replaces": second})
    if known_by == "the withdrawal":
        house.registry.withdrawals.withdraw("acme.51d0e2aa17cc", [second])
    if known_by == "what is destroyed":
        house.registry.withdrawals.withdraw("acme.000000000001", [second])
        house.registry.shards.destroy(house.registry.datasets.get(second).ledger, "acme.51d0e2aa17cc")
    found = sheet_of(house.registry, third)
    judged = {use.expression: (use.rows, use.outcome) for use in found.licences}
    assert judged == {"CC0-1.0": (2, "allowed"), "MIT": (4, "allowed with notice")}
    assert (found.licence_outcome, found.licences_of) == ("allowed with notice", first)
    assert found.resealed == Resealed(case="acme.51d0e2aa17cc", replaces=second, name="acme/support/2", intake=first)
    text = assay("data", "sheet", "acme/support/3").out
    assert f"Sealed by case `acme.51d0e2aa17cc` in place of acme/support/2 (`{second}`)" in text
    assert f"whose decisions `assay decisions {first}` lists" in text
    assert "allowed with notice, as judged for the dataset before" in text
    assert f"The gate was asked about `{first}`" in text
    assert "not judged" not in text
    assert "not asked" not in text


def test_where_nobody_judged_before_nothing_is_said_to_be_judged(house: House) -> None:
    first = house.seal([entry(0), entry(1)])
    found = datasheet(house.registry, house.seal([entry(0)], version=2, more={"replaces": first}))
    assert (found.licence_outcome, found.licences_of) == (None, None)
    assert [use.outcome for use in found.licences] == ["not asked"]
    assert "Sealed by an erasure or a retention case in place of acme/support/1" in markdown(found)


def test_plots_are_the_same_bytes_for_the_same_numbers_and_show_the_rest_as_one() -> None:
    bars = Bars("rows", tuple((f"n{n}$", n) for n in range(MOST + 5)))
    assert svg(bars) == svg(bars)
    assert svg(Bars("rows", bars.counts[:MOST])) != svg(bars)


def test_a_dataset_that_nobody_sealed_has_no_sheet(house: House) -> None:
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        datasheet(house.registry, "sha256:" + "0" * 64)

"""A datasheet as Markdown and as one HTML page with its plots inside. Both are rendered from the numbers alone.

Names of sources, systems and licences are other people's text: HTML escapes them, Markdown cannot be made to run.
Codes and digests are set as code on both, so that they are read as they are written.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from activities.data.datasheet_plots import Bars, svg
from activities.data.datasheet_text import Code, Text, in_markdown, pieces_of
from assay.contracts.datasheet import Datasheet, Part, Profile

FOLDER: Final = Path(__file__).parent
BAR: Final = 20
"""Characters of a whole bar in Markdown."""
DRAWN: Final = "bar"
"""Column of bars of characters, where a page cannot draw."""
NUMBERS: Final = frozenset({"rows", "share", "in rows", "values", "of those read", "from characters"})
"""Columns that are aligned by their last digit."""


@dataclass(frozen=True)
class Section:
    """One question and its answer. `bars` is drawn where a page can draw."""

    title: str
    said: tuple[Text, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Text, ...], ...] = ()
    bars: Bars | None = None


def markdown(sheet: Datasheet) -> str:
    """The page for terminals and repositories."""
    lines = [f"# {_title(sheet)}", "", f"`{sheet.dataset}`", ""]
    for section in sections(sheet):
        lines += [f"## {section.title}", ""]
        lines += [f"* {in_markdown(sentence)}" for sentence in section.said] + ([""] if section.said else [])
        if section.rows:
            rules = ("---:" if column in NUMBERS else "---" for column in section.columns)
            lines += [_line(section.columns), f"| {' | '.join(rules)} |"]
            lines += [*(_line(row) for row in section.rows), ""]
    return "\n".join(lines)


def html(sheet: Datasheet) -> str:
    """The page for browsers: one file, no script, nothing loaded from anywhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    pages.trim_blocks = pages.lstrip_blocks = True
    # As an image a plot cannot run anything, whatever a name that stands in it says.
    pages.filters["image"] = lambda bars: "data:image/svg+xml;base64," + base64.b64encode(svg(bars)).decode()
    pages.filters["pieces"] = pieces_of
    pages.tests["code"] = lambda piece: isinstance(piece, Code)
    page = pages.get_template("datasheet.html.j2")
    drawn = [_without_bars(section) for section in sections(sheet)]
    return page.render(title=_title(sheet), dataset=sheet.dataset, sections=drawn, numbers=NUMBERS)


def _without_bars(section: Section) -> Section:
    """A page that draws needs no bars of characters."""
    if DRAWN not in section.columns:
        return section
    return replace(section, columns=section.columns[:-1], rows=tuple(row[:-1] for row in section.rows))


def sections(sheet: Datasheet) -> Iterator[Section]:
    """In the order in which readers ask."""
    yield _overview(sheet)
    yield _sources(sheet)
    yield _licences(sheet)
    yield _consent(sheet)
    found = sheet.profile
    yield _parts("Tiers", "tier", found.tiers)
    tags = ("BCP-47 primary tags; ", Code("und"), " where the text is too short to tell.")
    yield _parts("Languages", "language", found.languages, tags)
    labels = "What a row teaches: a call, a refusal, or plain chat that is replayed."
    yield _parts("Labels", "label", found.kinds, labels)
    yield _lengths(sheet)
    of_read = "Shares of this table are of all rows that were read."
    yield _parts("What became of the rows that were read", "outcome", found.outcomes, of_read)
    yield _codes(found)
    yield _findings(found)
    depth = "Synthetic depth: 0 by people, n by a model fed with rows of depth n-1."
    yield _parts("Written by", "depth", found.depths, depth)
    yield _hints(sheet)


def _title(sheet: Datasheet) -> str:
    return f"Datasheet of {sheet.tenant}/{sheet.name}/{sheet.version}"


def _overview(sheet: Datasheet) -> Section:
    found = sheet.profile
    duplicates = found.duplicates / found.read if found.read else 0.0
    of_before = ", as judged for the dataset before" if sheet.licences_of else ""
    return Section(
        "At a glance",
        (*_origin(sheet), "Shares are of the rows in the dataset, where nothing else is said."),
        columns=("what", "how much"),
        rows=(
            ("rows read", _count(found.read)),
            ("rows in the dataset", _count(found.accepted)),
            ("duplicates among the rows read", f"{_count(found.duplicates)} ({_percent(duplicates)})"),
            ("intended use", sheet.purpose),
            ("licences", f"{sheet.licence_outcome or 'not judged'}{of_before}"),
            ("data subjects who own rows", _count(sheet.subjects)),
            ("written by models", f"{_percent(sheet.synthetic_share)}, depth {sheet.synthetic_depth} at most"),
        ),
    )


def _origin(sheet: Datasheet) -> Iterator[Text]:
    if (made := sheet.resealed) is None:
        return
    case: tuple[str, ...] = ("case ", Code(made.case)) if made.case else ("an erasure or a retention case",)
    rest = ", without the rows of that case and others that had to go."
    yield ("Sealed by ", *case, f" in place of {made.name} (", Code(made.replaces), ")", rest)
    listed = Code(f"assay decisions {made.intake}")
    yield ("No row was judged anew: outcomes and codes are those of the intake, whose decisions ", listed, " lists.")


def _sources(sheet: Datasheet) -> Section:
    rows = tuple(
        (s.name, s.system, s.licence, s.tier, _count(s.accepted), _percent(s.share), _bar(s.share))
        for s in sheet.sources
    )
    bars = Bars("rows by source", tuple((s.name, s.accepted) for s in sheet.sources))
    return Section("Sources", (), ("source", "system", "licence", "tier", "rows", "share", DRAWN), rows, bars)


def _licences(sheet: Datasheet) -> Section:
    rows = tuple(
        (
            *(use.expression, _count(use.rows), _percent(_share(use.rows, sheet.profile.accepted)), use.outcome),
            *(" and ".join(use.chosen) or "—", ", ".join(use.obligations) or "—"),
        )
        for use in sheet.licences
    )
    said = list(_judged(sheet))
    if away := sheet.profile.refused_licences:
        counted = ", ".join(f"{one.name} {_count(one.count)}" for one in away)
        said.append(f"Rows that did not enter, for whatever reason, were under: {counted}.")
    return Section(
        "Licences", tuple(said), ("licence", "rows", "share", "outcome", "complied with as", "asks for"), rows
    )


def _judged(sheet: Datasheet) -> Iterator[Text]:
    if not sheet.licences:
        yield "Not known: the manifest does not say under which licences the rows are, as those of earlier versions."
    if sheet.policy_revision is None:
        return
    question: tuple[str, ...] = ()
    if sheet.licences_question:
        question = ("; the stored question is ", Code(sheet.licences_question))
    yield ("Judged under policy revision ", Code(sheet.policy_revision), *question, ".")
    if sheet.licences_of:
        yield ("The gate was asked about ", Code(sheet.licences_of), ", of which these rows are a part, and not again.")


def _consent(sheet: Datasheet) -> Section:
    def line(kind: str, parts: Sequence[Part]) -> list[tuple[str, ...]]:
        return [(kind, one.name, _count(one.count), _percent(one.share)) for one in parts]

    found = sheet.profile
    days = tuple(one.model_copy(update={"name": f"{one.name} days"}) for one in found.retentions)
    rows = [*line("consent", found.consents), *line("purpose", found.purposes), *line("kept for", days)]
    said = tuple(_terms_said(sheet))
    return Section("Consent, purposes and retention", said, ("term", "value", "rows", "share"), tuple(rows))


def _terms_said(sheet: Datasheet) -> Iterator[str]:
    for source in sheet.sources:
        basis = source.legal_basis or "not stated"
        clause = f"; the use is granted by {source.contract_clause}" if source.contract_clause else ""
        assessed = "with an assessment" if source.assessed else "and no assessment is named"
        regulated = f" Its system is regulated, {assessed}." if source.regulated else ""
        shared = " May improve shared models." if source.improves_shared_models else ""
        yield f"{source.name}: legal basis {basis}{clause}; people in it are {source.people}.{regulated}{shared}"


def _lengths(sheet: Datasheet) -> Section:
    found = sheet.profile.lengths
    names = ("smallest", "p05", "p25", "p50", "p75", "p95", "p99", "largest")
    row = tuple(_count(getattr(found, name)) for name in names)
    said = (f"Characters of messages and call arguments; {found.mean:g} on average. Percentiles are within 1 %.",)
    most = max((rows for _, rows in found.bars), default=1)
    bars = Bars("rows by characters", tuple((f"{_count(edge)}+", rows) for edge, rows in found.bars))
    text = tuple((_count(edge), _count(rows), _bar(rows / most)) for edge, rows in found.bars)
    columns = ("from characters", "rows", DRAWN)
    return Section("Lengths", (*said, _named(names, row)), columns, text, bars)


def _codes(found: Profile) -> Section:
    rows = tuple((Code(one.code), _count(one.count), _percent(_share(one.count, found.read))) for one in found.codes)
    said = (
        (
            "Each code has its meaning and remedy in Assay's ",
            Code("docs/policies.md"),
            " or ",
            Code("docs/data.md"),
            ".",
        ),
        "A row may have several.",
    )
    if not rows:
        return Section("Why rows were refused, set aside or changed", ("No row was.",))
    return Section("Why rows were refused, set aside or changed", said, ("code", "rows", "of those read"), rows)


def _findings(found: Profile) -> Section:
    rows = tuple(
        (
            *((f"{one.category}: ", Code(one.kind)), _count(one.rows), _count(one.values)),
            ", ".join(f"{part.name} {_count(part.count)}" for part in one.outcomes),
            ", ".join(f"{treated.code} {_count(treated.count)}" for treated in one.treatments) or "—",
        )
        for one in found.findings
    )
    columns = ("found", "in rows", "values", "these rows were", "these values were")
    said = () if rows else ("Nothing was found that is looked for.",)
    return Section("What was found, and what was done with it", said, columns, rows)


def _hints(sheet: Datasheet) -> Section:
    shown: list[Text] = [
        (f"{hint.sentence} (", Code(hint.code), f": {hint.measured:g}, bound {hint.bound:g}).") for hint in sheet.hints
    ]
    stated = [f"Stated of {source.name}: {gap}" for source in sheet.sources for gap in source.known_gaps]
    said = (*(shown or ["The numbers show none of those that are looked for."]), *stated)
    return Section("Known biases and gaps", said)


def _parts(title: str, of: str, parts: Sequence[Part], *said: Text) -> Section:
    rows = tuple((one.name, _count(one.count), _percent(one.share), _bar(one.share)) for one in parts)
    bars = Bars(title, tuple((one.name, one.count) for one in parts))
    return Section(title, said, (of, "rows", "share", DRAWN), rows, bars)


def _named(names: Sequence[str], row: Sequence[str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))


def _share(count: int, whole: int) -> float:
    return count / whole if whole else 0.0


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _bar(share: float) -> str:
    return "█" * round(BAR * share)


def _line(cells: Sequence[Text]) -> str:
    return "| " + " | ".join(in_markdown(cell, cell=True) for cell in cells) + " |"

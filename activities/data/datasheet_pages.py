"""A datasheet as Markdown and as one HTML page with its plots inside. Both are rendered from the numbers alone.

Names of sources, systems and licences are other people's text: HTML escapes them, Markdown cannot be made to run.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.data.datasheet_plots import Bars, svg
from assay.contracts.datasheet import Datasheet, Part, Profile

FOLDER: Final = Path(__file__).parent
BAR: Final = 20
"""Characters of a whole bar in Markdown."""


@dataclass(frozen=True)
class Section:
    """One question and its answer. `bars` is drawn where a page can draw."""

    title: str
    said: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    bars: Bars | None = None


def markdown(sheet: Datasheet) -> str:
    """The page for terminals and repositories."""
    lines = [f"# {_title(sheet)}", "", f"`{sheet.dataset}`", ""]
    for section in sections(sheet):
        lines += [f"## {section.title}", ""]
        lines += [f"* {_plain(sentence)}" for sentence in section.said] + ([""] if section.said else [])
        if section.rows:
            lines += [_line(section.columns), _line(["---"] * len(section.columns))]
            lines += [*(_line(row) for row in section.rows), ""]
    return "\n".join(lines)


def html(sheet: Datasheet) -> str:
    """The page for browsers: one file, no script, nothing loaded from anywhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    # As an image a plot cannot run anything, whatever a name that stands in it says.
    pages.filters["image"] = lambda bars: "data:image/svg+xml;base64," + base64.b64encode(svg(bars)).decode()
    page = pages.get_template("datasheet.html.j2")
    return page.render(title=_title(sheet), dataset=sheet.dataset, sections=list(sections(sheet)))


def sections(sheet: Datasheet) -> Iterator[Section]:
    """In the order in which readers ask."""
    yield _overview(sheet)
    yield _sources(sheet)
    yield _licences(sheet)
    yield _consent(sheet)
    found = sheet.profile
    yield _parts("Tiers", found.tiers)
    yield _parts("Languages", found.languages, "BCP-47 primary tags; `und` where the text is too short to tell.")
    yield _parts("Labels", found.kinds, "What a row teaches: a call, a refusal, or plain chat that is replayed.")
    yield _lengths(sheet)
    yield _parts("What became of the rows that were read", found.outcomes)
    yield _codes(found)
    yield _findings(found)
    yield _parts("Written by", found.depths, "Synthetic depth: 0 by people, n by a model fed with rows of depth n-1.")
    yield _hints(sheet)


def _title(sheet: Datasheet) -> str:
    return f"Datasheet of {sheet.tenant}/{sheet.name}/{sheet.version}"


def _overview(sheet: Datasheet) -> Section:
    found = sheet.profile
    duplicates = found.duplicates / found.read if found.read else 0.0
    return Section(
        "At a glance",
        columns=("", ""),
        rows=(
            ("rows read", _count(found.read)),
            ("rows in the dataset", _count(found.accepted)),
            ("duplicates among the rows read", f"{_count(found.duplicates)} ({_percent(duplicates)})"),
            ("intended use", sheet.purpose),
            ("licences", sheet.licence_outcome or "not judged"),
            ("data subjects who own rows", _count(sheet.subjects)),
            ("written by models", f"{_percent(sheet.synthetic_share)}, depth {sheet.synthetic_depth} at most"),
        ),
    )


def _sources(sheet: Datasheet) -> Section:
    rows = tuple(
        (s.name, s.system, s.licence, s.tier, _count(s.accepted), _percent(s.share), _bar(s.share))
        for s in sheet.sources
    )
    bars = Bars("rows by source", tuple((s.name, s.accepted) for s in sheet.sources))
    return Section("Sources", (), ("source", "system", "licence", "tier", "rows", "share", ""), rows, bars)


def _licences(sheet: Datasheet) -> Section:
    rows = tuple(
        (
            *(use.expression, _count(use.rows), _percent(_share(use.rows, sheet.profile.accepted)), use.outcome),
            *(" and ".join(use.chosen) or "—", ", ".join(use.obligations) or "—"),
        )
        for use in sheet.licences
    )
    said = [f"Judged under policy revision {sheet.policy_revision}."] if sheet.policy_revision else []
    if away := sheet.profile.refused_licences:
        counted = ", ".join(f"{one.name} {_count(one.count)}" for one in away)
        said.append(f"Rows that did not enter, for whatever reason, were under: {counted}.")
    return Section(
        "Licences", tuple(said), ("licence", "rows", "share", "outcome", "complied with as", "asks for"), rows
    )


def _consent(sheet: Datasheet) -> Section:
    def line(kind: str, parts: Sequence[Part]) -> list[tuple[str, ...]]:
        return [(kind, one.name, _count(one.count), _percent(one.share)) for one in parts]

    found = sheet.profile
    days = tuple(one.model_copy(update={"name": f"{one.name} days"}) for one in found.retentions)
    rows = [*line("consent", found.consents), *line("purpose", found.purposes), *line("kept for", days)]
    said = tuple(_terms_said(sheet))
    return Section("Consent, purposes and retention", said, ("", "", "rows", "share"), tuple(rows))


def _terms_said(sheet: Datasheet) -> Iterator[str]:
    for source in sheet.sources:
        basis = source.legal_basis or "not stated"
        clause = f", {source.contract_clause}" if source.contract_clause else ""
        regulated = " Regulated, with an assessment." if source.regulated and source.assessed else ""
        shared = " May improve shared models." if source.improves_shared_models else ""
        yield f"{source.name}: legal basis {basis}{clause}; people in it are {source.people}.{regulated}{shared}"


def _lengths(sheet: Datasheet) -> Section:
    found = sheet.profile.lengths
    names = ("smallest", "p05", "p25", "p50", "p75", "p95", "p99", "largest")
    row = tuple(_count(getattr(found, name)) for name in names)
    said = (f"Characters of messages and call arguments; {found.mean:g} on average. Percentiles are within 1 %.",)
    most = max((rows for _, rows in found.bars), default=1)
    bars = Bars("rows by characters", tuple((f"{_count(edge)}+", rows) for edge, rows in found.bars))
    text = tuple((f"{_count(edge)}+", _count(rows), _bar(rows / most)) for edge, rows in found.bars)
    columns = ("characters", "rows", "")
    return Section("Lengths", (*said, _named(names, row)), columns, text, bars)


def _codes(found: Profile) -> Section:
    rows = tuple((one.code, _count(one.count), _percent(_share(one.count, found.read))) for one in found.codes)
    said = ("Each code has its meaning and remedy in docs/policies.md and docs/data.md.",)
    return Section("Why rows were refused, set aside or changed", said, ("code", "rows", "of those read"), rows)


def _findings(found: Profile) -> Section:
    rows = tuple(
        (
            *(f"{one.category}: {one.kind}", _count(one.rows), _count(one.values)),
            ", ".join(f"{part.name} {_count(part.count)}" for part in one.outcomes),
            ", ".join(f"{treated.code} {_count(treated.count)}" for treated in one.treatments) or "—",
        )
        for one in found.findings
    )
    columns = ("found", "in rows", "values", "these rows were", "these values were")
    return Section("What was found, and what was done with it", (), columns, rows)


def _hints(sheet: Datasheet) -> Section:
    shown = [f"{hint.sentence} ({hint.code}: {hint.measured:g}, bound {hint.bound:g})." for hint in sheet.hints]
    stated = [f"Stated of {source.name}: {gap}" for source in sheet.sources for gap in source.known_gaps]
    said = (*(shown or ["The numbers show none of those that are looked for."]), *stated)
    return Section("Known biases and gaps", said)


def _parts(title: str, parts: Sequence[Part], *said: str) -> Section:
    rows = tuple((one.name, _count(one.count), _percent(one.share), _bar(one.share)) for one in parts)
    return Section(
        title, said, ("", "rows", "share", ""), rows, Bars(title, tuple((one.name, one.count) for one in parts))
    )


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


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    """On one line, with nothing that Markdown or the HTML in it would take for more than text."""
    flat = " ".join(text.split())
    for character in "\\|<>[]`*_":
        flat = flat.replace(character, f"\\{character}" if character not in "<>" else f"&{'lg'[character == '>']}t;")
    return flat

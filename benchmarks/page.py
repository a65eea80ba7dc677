"""docs/performance.md, made from the JSON of the last runs and the notes that people write beside it.

`benchmarks/results/NAME.json` is what the last run of a benchmark gave, `benchmarks/notes/NAME.md` what there is to say
about it: why an aim is not met, and the next idea. The page is never edited by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import ROOT
from benchmarks.report import shown

RESULTS: Final = ROOT / "benchmarks" / "results"
NOTES: Final = ROOT / "benchmarks" / "notes"
PAGE: Final = ROOT / "docs" / "performance.md"
_HEAD: Final = """# Performance

`make bench` measures all of this again and writes this page; `make bench ONLY=gateway` measures one. Every figure comes
from a run on one machine, beside what it is compared with: read the ratios, since the figures move with the machine.
The text under a table is from `benchmarks/notes/`, everything else from `benchmarks/results/`.
"""


def write(results: Path = RESULTS, notes: Path = NOTES, page: Path = PAGE) -> None:
    """Write the page."""
    runs = [json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))]
    parts = [_HEAD, *_machines(runs), "## Aims", *_table(_aims(runs))]
    for run in runs:
        note = notes / f"{run['name']}.md"
        parts += [*_section(run), *([note.read_text("utf-8").strip(), ""] if note.exists() else [])]
    page.write_text("\n".join(parts).rstrip() + "\n", "utf-8")


def _machines(runs: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Each machine once, with the benchmarks that ran on it."""
    on: dict[str, list[str]] = {}
    for run in runs:
        on.setdefault(_machine(run["machine"]), []).append(run["name"])
    for machine, names in on.items():
        yield f"* {', '.join(names)}: {machine}"
    yield ""


def _machine(machine: dict[str, Any]) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, {machine['date']}"
    )


def _aims(runs: Iterable[dict[str, Any]]) -> Iterator[Sequence[str]]:
    yield ("", "figure", "aim", "measured", "met")
    for run in runs:
        for row in run["rows"]:
            if row["aim"]:
                measured = f"{shown(row['value'])} {row['unit']}".strip()
                yield run["name"], row["what"], row["aim"], measured, "yes" if row["met"] else "**no**"


def _section(run: dict[str, Any]) -> Iterator[str]:
    yield f"## {run['title']}\n"
    rows = [("figure", "", "")]
    rows += [(row["what"], shown(row["value"]), row["unit"]) for row in run["rows"]]
    yield from _table(rows)
    for table in run.get("tables", ()):
        yield f"{table['title']}\n"
        yield from _table([table["head"], *table["body"]])
    yield f"Load of the machine at the end: {run['machine']['load']}. Again: `{run['repeat']}`\n"


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    head, *body = rows
    yield "\n" * (head[0] == "" and head[1] == "figure") + f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in body)
    yield ""

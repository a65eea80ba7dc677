"""What every benchmark writes: rows of figures with their aims, and the machine that gave them.

    {"name": …, "title": …, "repeat": …, "machine": {…}, "rows": [{"what", "value", "unit", "aim", "met"}, …],
     "tables": [{"title", "head", "body"}, …]}

`aim` is a sentence such as "at most 0.3"; `met` is None where there is no aim.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True)
class Row:
    """One figure."""

    what: str
    value: float
    unit: str
    aim: str | None = None
    met: bool | None = None


@dataclass(frozen=True)
class Table:
    """Figures beside each other, as they are shown: a line for each thing, a column for each system."""

    title: str
    head: list[str]
    body: list[list[str]]

    def lines(self) -> list[str]:
        """In columns, for a terminal."""
        widths = [max(map(len, column)) for column in zip(self.head, *self.body, strict=True)]
        rows = [[f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)] for row in (self.head, *self.body)]
        return [self.title, *(f"  {'  '.join(row)}".rstrip() for row in rows)]


@dataclass
class Report:
    """Collects the rows of one benchmark, prints them and writes them down."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def add(
        self, what: str, value: float, unit: str, *, at_most: float | None = None, at_least: float | None = None
    ) -> float:
        """A figure, with an aim or without; returns it."""
        aim, met = None, None
        if at_most is not None:
            aim, met = f"at most {at_most:g}", value <= at_most
        if at_least is not None:
            aim, met = f"at least {at_least:g}", value >= at_least
        self.rows.append(Row(what, value, unit, aim, met))
        return value

    def write(self, file: Path | None) -> None:
        """Print the table; write JSON where asked to."""
        width = max(len(row.what) for row in self.rows)
        click.echo(f"\n{self.title}")
        for row in self.rows:
            verdict = {None: "", True: "  met", False: "  NOT met"}[row.met]
            aim = f"  aim {row.aim}" if row.aim else ""
            click.echo(f"  {row.what:{width}}  {shown(row.value):>10} {row.unit}{aim}{verdict}")
        for table in self.tables:
            click.echo("\n" + "\n".join(table.lines()))
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            body = asdict(self) | {"repeat": command(), "machine": machine()}
            file.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")


def command() -> str:
    """How to run this again."""
    arguments = list(sys.argv[1:])
    if "--out" in arguments:
        at = arguments.index("--out")
        del arguments[at : at + 2]
    script = Path(sys.argv[0])
    run = ["-m", f"benchmarks.{script.parent.name}"] if script.name == "__main__.py" else [f"benchmarks/{script.name}"]
    return shlex.join(["python", *run, *arguments])


def machine() -> dict[str, Any]:
    """What it ran on; nothing that names the machine or its owner."""
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "assay": version("assay"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text("utf-8").splitlines() if file.exists() else []


def shown(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


median = statistics.median


def options(function: Callable[..., None]) -> click.Command:
    """The options that every benchmark has."""
    out = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON file to write")
    return click.command()(out(function))

"""How well, and how fast, personal data is found: Assay and Presidio's defaults on the same rows.

    python -m benchmarks.pii [--half dev] [--out FILE]        # `make bench-pii` also writes the page

Kinds are shown for the half that was looked at while the rules were written. Of the other half only totals are shown,
unless it is asked for (`--half held-out`): what one sees of it, one may build for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from benchmarks.pii.corpus import SEED
from benchmarks.pii.measure import measured
from benchmarks.pii.sample import Half
from benchmarks.pii.stages import stages
from benchmarks.pii.systems import SYSTEMS
from benchmarks.pii.tables import aims, speeds, tables
from benchmarks.report import Report, options

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@options
@click.option("--seed", default=SEED, show_default=True)
@click.option("--half", type=click.Choice(("dev", "held-out")), default="dev", show_default=True, help="shown by kind")
@click.option("--only", type=click.Choice(sorted(SYSTEMS)), multiple=True, help="systems; default all")
def main(out: Path | None, seed: int, half: Half, only: tuple[str, ...]) -> None:
    """Measure the finding of personal data."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")  # rows a second of one core: threads that wait in a loop would count
    names = only or tuple(SYSTEMS)
    # Before Presidio's objects are there: collecting garbage among them would be counted to a stage.
    by_stage = [stages(half, seed)] if "Assay" in names else []
    other: Half = "held-out" if half == "dev" else "dev"
    shown, total = ({name: measured(name, which, seed) for name in names} for which in (half, other))
    report = Report("pii", "Finding personal data")
    aims(report, total, other)
    aims(report, shown, half, without=True)
    speeds(report, shown)
    report.tables += [*tables(shown, half), *by_stage]
    report.write(out)


if __name__ == "__main__":
    main()

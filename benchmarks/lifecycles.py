"""Many lifecycles at once on one dev server: how many a minute, and which step is the slowest.

    python benchmarks/lifecycles.py [--lifecycles 200] [--workers 1]

All are started together, each of a model of its own, and a reviewer approves each one when it waits for that.
Temporal, OPA, registry, signatures, gates and route tables are real; training, engine and traffic are stand-ins that
take no time (`benchmarks/lives/quick.py`), so that what is measured is everything that Assay adds to them.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from benchmarks.lives.drive import Ended, Steps, drive, left_behind, steps_of
from benchmarks.lives.house import opened
from benchmarks.report import Report, options, quantile

LONGEST_HISTORY = 2000
"""Events; `temporal` warns from 10,240 and ends a workflow at 51,200."""


async def measure(report: Report, lifecycles: int, workers: int) -> None:
    """Run them, and read their histories. Raises RuntimeError when one did not end in production."""
    with tempfile.TemporaryDirectory() as scratch:
        async with opened(Path(scratch), each=workers) as house:
            ended = await drive(house.client, [house.request(f"model-{n}", 1) for n in range(lifecycles)])
            if wrong := [status for status in ended.statuses if status.stage != "production"]:
                raise RuntimeError(f"{len(wrong)} did not end in production: {wrong[0]}")
            histories = await left_behind(house.client)
            steps = await steps_of(house.client, histories)
    _times(report, ended)
    report.add("workflows", len(histories), "")
    lengths = [history.history_length for history in histories]
    report.add("events of all histories", sum(lengths), "")
    report.add("longest history, events", max(lengths), "", at_most=LONGEST_HISTORY)
    _slowest(report, steps)


def _times(report: Report, ended: Ended) -> None:
    report.add("ended in production", len(ended.statuses), "")
    report.add("lifecycles a minute", 60 * len(ended.statuses) / ended.whole, "1/min")
    report.add("from start to production, p50", quantile(ended.seconds, 0.5), "s")
    report.add("from start to production, longest", max(ended.seconds), "s")


def _slowest(report: Report, steps: Steps) -> None:
    """The steps that took most time together, and the longest wait for a free worker."""
    together = sorted(steps.ran, key=lambda name: sum(steps.ran[name]), reverse=True)
    for name in together[:5]:
        report.add(f"{name}, seconds of all runs together", sum(steps.ran[name]), "s")
        report.add(f"{name}, one run, p50", 1000 * quantile(steps.ran[name], 0.5), "ms")
    waited = max(steps.waited, key=lambda name: quantile(steps.waited[name], 0.5))
    report.add(f"longest wait for a worker: {waited}, p50", quantile(steps.waited[waited], 0.5), "s")


@options
@click.option("--lifecycles", default=200, show_default=True)
@click.option("--workers", default=1, show_default=True, help="processes of each kind")
def main(out: Path | None, lifecycles: int, workers: int) -> None:
    """Measure whole lifecycles."""
    report = Report("lifecycles", f"{lifecycles} lifecycles at once, {workers} worker(s) of each kind")
    asyncio.run(measure(report, lifecycles, workers))
    report.write(out)


if __name__ == "__main__":
    main()

"""How long `assay up` takes until everything is healthy, in a home and on ports of its own.

    python benchmarks/up.py [--rounds 1]

`cold`: an empty home, so keys, databases, policy bundle and base model are made first. `warm`: the same home again.
Most of both is SGLang's start: its imports and the load of the model.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from assay.settings import Settings
from benchmarks.processes import ROOT
from benchmarks.report import Report, median, options
from stack.environment import environment_of
from stack.ports import free_stack_ports


def assay(settings: Settings, *arguments: str) -> float:
    """Seconds that a command takes. Raises RuntimeError with its words."""
    began = time.perf_counter()
    command = [str(Path(sys.executable).parent / "assay"), *arguments]
    environment = {**os.environ, **environment_of(settings)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def settings_in(home: Path) -> Settings:
    """A stack that nobody else uses."""
    return Settings(home=home, ports=free_stack_ports())


@options
@click.option("--rounds", default=1, show_default=True)
def main(out: Path | None, rounds: int) -> None:
    """Measure the start of the local stack."""
    cold, warm, again, down = [], [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            settings = settings_in(Path(scratch, "home"))
            try:
                cold.append(assay(settings, "up"))
                again.append(assay(settings, "up"))
                down.append(assay(settings, "down"))
                warm.append(assay(settings, "up"))
            finally:
                assay(settings, "down")
    report = Report("up", "`assay up`")
    report.add("cold: an empty home", median(cold), "s")
    report.add("warm: a home that was used before", median(warm), "s")
    report.add("when everything runs already", median(again), "s")
    report.add("`assay down`", median(down), "s")
    report.write(out)


if __name__ == "__main__":
    main()

"""`assay demo`: a process of its own, since the demonstration is a client like any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click


@click.command()
@click.option("--quick", is_flag=True, help="The same story in fewer steps; its figures are not to be quoted.")
def demo(*, quick: bool) -> None:
    """The life of a model, once around, on real parts; leaves the stack running."""
    command = [sys.executable, "-m", "examples.demo", *(["--quick"] if quick else [])]
    root = Path(__file__).resolve().parents[2]
    raise SystemExit(subprocess.run(command, cwd=root, check=False).returncode)

"""Runs the commands that a user would type, and shows them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Ran:
    """A command, what it printed and how it ended."""

    line: str
    code: int
    output: str


def environment() -> dict[str, str]:
    """This environment with the project's programs first on PATH."""
    path = os.pathsep.join([str(BIN), str(ROOT / ".tools" / "bin"), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def run(*command: str, timeout: float = 300, cwd: Path = ROOT) -> Ran:
    """Run a command to its end; a non-zero exit is an answer, not an exception."""
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )
    return Ran(shlex.join(command), done.returncode, done.stdout + done.stderr)


def show(*command: str) -> int:
    """Run a command on this terminal."""
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def assay(*arguments: str) -> Any:  # noqa: ANN401  # whatever the command answers with --json
    """Run `assay … --json` and parse its answer.

    Raises RuntimeError with the command's own words when it refuses.
    """
    command = [str(BIN / "assay"), *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"assay {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)

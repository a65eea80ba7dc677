"""A whole stack as a user starts it, and the two command lines with which a user reaches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.settings import Settings
from stack.environment import environment_of

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Stack:
    """A stack that runs, and the two command lines with which a user reaches it."""

    settings: Settings
    said: str

    def assay(self, *arguments: str) -> str:
        return run(self.settings, str(BIN / "assay"), *arguments)

    def temporal(self, *arguments: str) -> Any:
        return json.loads(run(self.settings, *self.temporal_command(*arguments), "--output", "json") or "null")

    def temporal_command(self, *arguments: str) -> list[str]:
        return [str(BIN / "temporal"), *arguments, "--address", self.settings.temporal]

    def start(self, kind: str, id_: str, document: Path, *more: str) -> None:
        self.temporal(
            *("workflow", "start", "--type", kind, "--task-queue", "assay-control", "--workflow-id", id_),
            *("--input-file", str(document), *more),
        )

    def pids(self) -> dict[str, int]:
        return {line["name"]: line["pid"] for line in json.loads(self.assay("status", "--json"))["processes"]}


def ended(settings: Settings, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings in its environment; how it ended."""
    environment = {**os.environ, **environment_of(settings)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)


def run(settings: Settings, *command: str) -> str:
    """What a command that must succeed says."""
    done = ended(settings, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(true: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "this takes too long"
        time.sleep(0.5)


def example(stack: Stack, name: str, **changes: Any) -> dict[str, Any]:
    """One of the inputs to start from, with this stack's data."""
    text = (ROOT / "examples" / name).read_text("utf-8").replace("var/examples", str(stack.settings.home / "examples"))
    return {**json.loads(text), **changes}


def healthy(stack: Stack) -> bool:
    """Whether everything is."""
    return ended(stack.settings, str(BIN / "assay"), "status").returncode == 0

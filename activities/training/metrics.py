"""The metrics file: one JSON line a step, appended. The held-out loss comes later: the line is then written again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from assay.contracts.base import Message

_TAIL: Final = 4096
"""Bytes that hold at least one whole line."""


class StepMetrics(Message):
    """One optimiser step. Times are seconds, `tokens_per_second` is of this step alone."""

    step: int
    loss: float
    grad_norm: float
    learning_rate: float
    tokens: int
    tokens_per_second: float
    eta_seconds: float
    heldout_loss: float | None = None


def append(path: Path, metrics: StepMetrics) -> None:
    """Append one line; the kernel keeps a line of this size whole, and a torn one is skipped by `read`."""
    with path.open("a", encoding="utf-8") as file:
        file.write(metrics.model_dump_json() + "\n")


def read(path: Path) -> list[StepMetrics]:
    """All steps in order, the last writing of each; lines torn by a kill are left out."""
    steps = {found.step: found for found in _parse(path.read_bytes())} if path.exists() else {}
    return [steps[step] for step in sorted(steps)]


def last(path: Path) -> StepMetrics | None:
    """The newest line, without reading those before it."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return next(reversed(list(_parse(file.read()))), None)


def go_on_from(path: Path, sealed: Path | None) -> None:
    """Begin the file with the steps that the checkpoint resumed from has sealed: those after it are done again."""
    write(path, read(sealed) if sealed else [])


def write(path: Path, steps: list[StepMetrics]) -> None:
    """A file of these steps, whole or not there."""
    part = path.with_suffix(".part")
    part.write_text("".join(line.model_dump_json() + "\n" for line in steps), encoding="utf-8")
    os.replace(part, path)


def _parse(data: bytes) -> Iterator[StepMetrics]:
    for line in data.splitlines():
        with contextlib.suppress(ValidationError):
            yield StepMetrics.model_validate_json(line)


def tokens_per_second(steps: list[StepMetrics]) -> float:
    """Tokens over the time spent in steps: a pause between two attempts does not count."""
    seconds = sum(step.tokens / step.tokens_per_second for step in steps if step.tokens_per_second)
    return sum(step.tokens for step in steps) / seconds if seconds else 0.0

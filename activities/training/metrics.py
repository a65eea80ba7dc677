"""The metrics file: one JSON line a step, appended; a resumed run writes its steps again and the last line counts."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from assay.contracts.base import Message


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
    steps: dict[int, StepMetrics] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                found = StepMetrics.model_validate_json(line)
            except ValidationError:
                continue
            steps[found.step] = found
    return [steps[step] for step in sorted(steps)]


def tokens_per_second(steps: list[StepMetrics]) -> float:
    """Tokens over the time spent in steps: a pause between two attempts does not count."""
    seconds = sum(step.tokens / step.tokens_per_second for step in steps if step.tokens_per_second)
    return sum(step.tokens for step in steps) / seconds if seconds else 0.0

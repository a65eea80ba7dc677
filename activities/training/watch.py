"""Watches a run step by step: metrics, a loss that is no number, a wish to stop."""

# ruff: noqa: ANN401, ARG002  # the overridden methods have the library's signatures

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from activities.training import metrics
from assay.contracts.errors import TrainingFailed

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState


class Watch(TrainerCallback):
    """Appends the metrics of each step; raises TrainingFailed (`LOSS_NOT_FINITE`) before such a step is saved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tokens = 0
        self.stop_wanted = False
        self._began = (time.monotonic(), 0)
        self._pace: list[float] = []
        self._last: metrics.StepMetrics | None = None

    def stop_on_sigterm(self) -> None:
        """SIGTERM ends the run after the step in progress, with a checkpoint."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop_wanted", True))

    def on_step_begin(self, args: object, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Start the clock of a step."""
        self._began = (time.monotonic(), self.tokens)

    def on_step_end(self, args: object, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Stop here if asked to, and save."""
        self._pace.append(time.monotonic() - self._began[0])
        if self.stop_wanted:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: object, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the line of a step, and again with the held-out loss when there is one."""
        logs: dict[str, Any] = kwargs["logs"]
        if "eval_loss" in logs and self._last is not None:
            self._write(self._last.model_copy(update={"heldout_loss": logs["eval_loss"]}))
        if "loss" not in logs or "grad_norm" not in logs:
            return
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs[name]):
                raise TrainingFailed(
                    "LOSS_NOT_FINITE",
                    f"{name} is {logs[name]} at step {state.global_step}; the last checkpoint before it is kept",
                    "lower the learning rate, lengthen the warm-up, or look at the rows of this step",
                )
        recent = self._pace[-10:]
        tokens = self.tokens - self._began[1]
        self._write(
            metrics.StepMetrics(
                step=state.global_step,
                loss=logs["loss"],
                grad_norm=logs["grad_norm"],
                learning_rate=logs["learning_rate"],
                tokens=tokens,
                tokens_per_second=round(tokens / recent[-1], 1),
                eta_seconds=round((state.max_steps - state.global_step) * sum(recent) / len(recent), 1),
            )
        )

    def _write(self, line: metrics.StepMetrics) -> None:
        self._last = line
        metrics.append(self.path, line)

"""Watches a run step by step: metrics, its health, a wish to stop."""

# ruff: noqa: ANN401, ARG002  # the overridden methods have the library's signatures

from __future__ import annotations

import math
import signal
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from activities.training import health, metrics
from assay.contracts.training import HealthRules

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import TrainerControl, TrainerState


class Stop:
    """A wish to stop: SIGTERM ends the run after the step in progress, with a checkpoint."""

    def __init__(self) -> None:
        self.wanted = False

    def on_sigterm(self) -> None:
        """Listen from now on. Before, SIGTERM ends the process at once: there is nothing to save yet."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "wanted", True))


class Watch(TrainerCallback):
    """Appends the metrics of each step; raises Unwell before a step in trouble is saved.

    `steps` are those so far, which begin with the ones that the checkpoint gone on from has sealed. `rate` is the peak
    learning rate when it is no longer the recipe's.
    """

    def __init__(self, path: Path, rules: HealthRules, stop: Stop, rate: float | None = None) -> None:
        self.path, self.steps = path, metrics.read(path)
        self.tokens = 0
        self._rules, self._stop, self._rate = rules, stop, rate
        self._began = (time.monotonic(), 0)
        self._pace: deque[float] = deque(maxlen=10)

    def on_train_begin(self, args: object, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Lower the learning rate, also of a schedule that was loaded with another."""
        if self._rate is not None:
            set_peak_rate(kwargs["lr_scheduler"], self._rate)

    def on_step_begin(self, args: object, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Start the clock of a step."""
        self._began = (time.monotonic(), self.tokens)

    def on_step_end(self, args: object, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Stop here if asked to, and save."""
        self._pace.append(time.monotonic() - self._began[0])
        if self._stop.wanted:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: object, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the line of a step, and again with the held-out loss when there is one."""
        logs: dict[str, Any] = kwargs["logs"]
        if "eval_loss" in logs and self.steps:
            if not math.isfinite(logs["eval_loss"]):
                raise health.Unwell(health.broken_by(state.global_step, f"the held-out loss is {logs['eval_loss']}"))
            self._write(self.steps.pop().model_copy(update={"heldout_loss": logs["eval_loss"]}))
        if "loss" not in logs or "grad_norm" not in logs:
            return
        if finding := health.not_finite(state.global_step, logs["loss"], logs["grad_norm"]):
            raise health.Unwell(finding)
        tokens = self.tokens - self._began[1]
        self._write(
            metrics.StepMetrics(
                step=state.global_step,
                loss=logs["loss"],
                grad_norm=logs["grad_norm"],
                learning_rate=logs["learning_rate"],
                tokens=tokens,
                tokens_per_second=round(tokens / self._pace[-1], 1),
                eta_seconds=round((state.max_steps - state.global_step) * sum(self._pace) / len(self._pace), 1),
            )
        )

    def _write(self, line: metrics.StepMetrics) -> None:
        self.steps.append(line)
        metrics.append(self.path, line)
        if finding := health.judge(self.steps, self._rules):
            raise health.Unwell(finding)


def set_peak_rate(scheduler: LambdaLR, rate: float) -> None:
    """Make `rate` what the schedule scales, from its present step on; done again it changes nothing."""
    scheduler.base_lrs = [rate] * len(scheduler.base_lrs)
    now = [rate * scale(scheduler.last_epoch) for scale in scheduler.lr_lambdas]
    for group, value in zip(scheduler.optimizer.param_groups, now, strict=True):
        group["initial_lr"], group["lr"] = rate, value
    scheduler._last_lr = list(now)

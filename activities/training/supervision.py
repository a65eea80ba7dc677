"""One attempt's trainer, watched to its end: its progress is told, and it is stopped when it may not go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import Popen

from activities.training import checkpoints, process
from activities.training.job import FAILED, RunFolder
from activities.training.stored import Stored
from assay.contracts.errors import AssayError, TrainingFailed, Unavailable
from assay.contracts.training import TrainingProgress
from assay.telemetry import meters


@dataclass(frozen=True)
class Attempt:
    """What bounds one attempt.

    `kills` is how often somebody killed the trainer since it last sealed a checkpoint; `spent` and `allowed` are
    seconds of the device, over all attempts. `pause` waits a moment, less when the worker stops, and says whether it
    does.
    """

    kills: int
    resumed_from: int
    spent: float
    allowed: float
    pause: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic


def supervise(
    folder: RunFolder,
    trainer: Popen[bytes],
    stored: Stored,
    report: Callable[[TrainingProgress], None],
    attempt: Attempt,
) -> TrainingProgress:
    """Report progress until the trainer ends; each new checkpoint is stored as a blob before it is reported.

    Returns the last that was told. Raises the cause that the trainer left, TrainingFailed (`BUDGET_SPENT`), Unavailable
    (`TRAINER_KILLED`, `WORKER_STOPPING`), and another attempt goes on from what was reported last.
    """
    steps, begun, kills = folder.read_run().recipe.max_steps, attempt.clock(), attempt.kills
    why: AssayError | None = None

    def tell() -> TrainingProgress:
        stored.add_new()
        spent = attempt.spent + attempt.clock() - begun
        now = process.progress(folder, steps, attempt.resumed_from)
        told = stored.named_in(now.model_copy(update={"device_seconds": round(spent, 1), "kills": kills}))
        report(told)
        return told

    while trainer.poll() is None:
        if tell().device_seconds > attempt.allowed:
            why = _spent(attempt)
        elif attempt.pause():
            why = _stopping()
        if why is not None:
            process.stop(trainer)
    killed = why is None and process.was_killed(trainer.returncode)
    if killed:
        meters.TRAINERS_KILLED.add()
    if killed and attempt.pause():
        why = _stopping()  # a machine that is taken away may ask every process at once
    elif killed:
        got_on = max(checkpoints.steps(folder.checkpoints), default=0) > attempt.resumed_from
        kills = 1 if got_on else kills + 1
    told = tell()
    # A trainer that ended or failed by itself while it was being stopped has the last word.
    if why is not None and trainer.returncode not in (0, FAILED):
        raise why
    process.check_ended_well(folder, trainer.returncode, kills)
    return told


def _spent(attempt: Attempt) -> TrainingFailed:
    return TrainingFailed(
        "BUDGET_SPENT",
        f"the run has had the device for the {attempt.allowed / 60:g} minutes of its budget",
        "ask for a new run with a larger `budget.max_device_minutes` or fewer `recipe.max_steps`: it begins anew",
    )


def _stopping() -> Unavailable:
    return Unavailable(
        "WORKER_STOPPING", "the training worker is stopping; the run is saved", "another worker goes on with it"
    )

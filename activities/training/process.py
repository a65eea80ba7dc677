"""The trainer as a subprocess: started, watched, stopped, and never left behind.

Training runs apart from the worker so that a crash of its device takes the run and not the worker. The other way
round, a worker that is killed takes its trainer with it: the trainer's stdin is a pipe that only this process holds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from activities.training import metrics
from activities.training.job import FAILED, NO_ROOM, STOPPED, RunFolder
from assay.contracts.errors import TrainingFailed, Unavailable
from assay.contracts.training import TrainingProgress
from assay.telemetry import meters

GRACE_SECONDS = 20.0
"""Time for the step in progress and a checkpoint, below the worker's own grace of 30 seconds."""

MOST_KILLS: Final = 5
"""A trainer that somebody killed (no memory left, an operator) goes on; not the fifth time without a new checkpoint."""

ENVIRONMENT = {
    # Spinning threads starve each other as soon as anything else runs: measured on two shared cores, a step takes
    # 40 s with OpenMP's default and 7 s when waiting threads sleep.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "PYTHONUNBUFFERED": "1",
}

LOG_IDS: Final = "ASSAY_LOG_IDS"
"""Variable with what the trainer writes into each of its log lines, as a JSON object."""

CHECKOUT = Path(__file__).resolve().parents[2]


def start(folder: RunFolder, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the trainer on a folder whose `run.json` is written. It is the leader of its own process group.

    `more` are environment variables besides the inherited ones, as the trace that it belongs to.
    """
    with folder.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "activities.training.sft", "--workdir", str(folder.workdir), "--with-parent"],
            cwd=CHECKOUT,
            env={**os.environ, **ENVIRONMENT, **(more or {})},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(trainer: subprocess.Popen[bytes], grace: float = GRACE_SECONDS) -> None:
    """End the trainer: ask, so that it saves; after `grace` seconds kill its whole process group."""
    if trainer.poll() is None:
        trainer.terminate()
        try:
            trainer.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(trainer.pid, signal.SIGKILL)
            trainer.wait()
    if trainer.stdin:
        trainer.stdin.close()


def was_killed(status: int) -> bool:
    """Whether somebody else ended the trainer: by a signal, or by asking it to stop."""
    return status < 0 or status == STOPPED


def check_ended_well(folder: RunFolder, status: int, kills: int) -> None:
    """What a status that is not 0 means; `kills` counts this one and those before it in a row.

    Raises the trainer's own cause (TrainingFailed, Unavailable), or `TRAINER_CRASHED` with how it ended; Unavailable
    (`TRAINER_KILLED`) when somebody else ended it, and not too often yet; Unavailable (`DISK_FULL`).
    """
    if status == 0:
        return
    if status == FAILED and (failure := folder.read_failure()):
        raise failure.error()
    if status == NO_ROOM:
        raise Unavailable(
            "DISK_FULL", f"no room for the files of run {folder.workdir.name}", "give the worker's disk room"
        )
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    said = f"the trainer ended with {how}; its last words: {last_words(folder.log)}"
    if kills < MOST_KILLS and was_killed(status):
        raise Unavailable("TRAINER_KILLED", said, "it goes on from its last checkpoint; give it memory if this repeats")
    remedy = f"read {folder.log.name} of the run; out of memory shows as SIGKILL"
    raise TrainingFailed("TRAINER_CRASHED", said, remedy)


def last_words(log: Path, lines: int = 3) -> str:
    """The end of a log as one line, for an error message."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return " | ".join(text.strip().splitlines()[-lines:])[-500:] or "none"


def progress(folder: RunFolder, max_steps: int, resumed_from: int) -> TrainingProgress:
    """Where the run stands, from the files it writes. Checkpoints are named by whoever stores them."""
    last = metrics.last(folder.metrics)
    _show(last, max_steps)
    return TrainingProgress(
        step=last.step if last else resumed_from,
        max_steps=max_steps,
        loss=last.loss if last else None,
        tokens_per_second=last.tokens_per_second if last else None,
        eta_seconds=last.eta_seconds if last else None,
        resumed_from_step=resumed_from,
        interventions=folder.read_interventions(),
    )


def _show(last: metrics.StepMetrics | None, max_steps: int) -> None:
    """One run at a time has a worker's device, so these are the worker's gauges."""
    meters.TRAINING_MAX_STEPS.set(max_steps)
    if last is None:
        return
    meters.TRAINING_STEP.set(last.step)
    meters.TRAINING_LOSS.set(last.loss)
    meters.TRAINING_GRAD_NORM.set(last.grad_norm)
    meters.TRAINING_TOKENS_RATE.set(last.tokens_per_second)
    if last.tokens:
        meters.TRAINING_STEPS_RATE.set(last.tokens_per_second / last.tokens)
    if last.heldout_loss is not None:
        meters.TRAINING_HELDOUT_LOSS.set(last.heldout_loss)

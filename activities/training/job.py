"""What the trainer is told (`run.json`) and where everything of one run lies.

WORKDIR/run.json          the job: recipe, base, rows, template
        metrics.jsonl     one line a step
        checkpoints/      step-000010/ …, each sealed by its manifest, with the metrics up to it
        loaded.json       what the trainer found: rows, device, dtype
        interventions.json  what was done about troubles so far
        failure.json      written when the run ends with a typed cause
        trainer.log       stdout and stderr of the subprocess
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, TypeAdapter

from assay.contracts.base import BasePin, Digest, Message
from assay.contracts.errors import AssayError, TrainingFailed, Unavailable
from assay.contracts.training import Intervention, Recipe

NO_ROOM: Final = 74
"""Exit status of one that found no room on the disk, not even for its cause. EX_IOERR of sysexits.h."""
FAILED: Final = 3
"""Exit status of a trainer that leaves a cause in `failure.json`."""
STOPPED: Final = 75
"""Exit status of one that was asked to stop and has saved. EX_TEMPFAIL of sysexits.h: not done, try again."""

_INTERVENTIONS: Final = TypeAdapter(tuple[Intervention, ...])

HELD_OUT_PER_KIND = 4
"""Rows of each cross-entropy kind kept out of training: enough to see a divergence, cheap at every checkpoint."""


def worth_keeping(steps: Iterable[int], recipe: Recipe, best: int | None = None) -> list[int]:
    """Of these checkpoints those that a run keeps, oldest first: the best, the newest, the last ones of its schedule.

    A stop saves between two of the schedule. It is gone on from, then dropped, so that a run that was stopped has the
    candidates of one that was not. Trouble is seen `patience` steps after it began, so there must be one from before.
    """
    found = sorted(steps)
    since_trouble = -(-recipe.health.patience // recipe.checkpoint_every)
    last = scheduled(found, recipe)[-max(since_trouble + 1, recipe.candidates) :]
    return sorted({*last, *found[-1:], *(step for step in found if step == best)})


def scheduled(steps: Iterable[int], recipe: Recipe) -> list[int]:
    """Of these checkpoints those that a run has which was never stopped, oldest first; its end may be another."""
    return [step for step in sorted(steps) if step % recipe.checkpoint_every == 0]


def candidates_of(steps: Iterable[int], recipe: Recipe, kept: int | None = None) -> list[int]:
    """Of these checkpoints the candidates, oldest first: the last ones of the schedule, and the end.

    `kept` is the best one of a run that ended early for it: it stands in for the end.
    """
    last = recipe.max_steps if kept is None else kept
    ends = [step for step in sorted(steps) if step <= last and (step % recipe.checkpoint_every == 0 or step == last)]
    return list(ends)[-recipe.candidates :]


class RowSource(Message):
    """Rows of one dataset, as Parquet shards on this machine, and their share of the rows drawn."""

    paths: tuple[Path, ...] = Field(min_length=1)
    ratio: float = Field(default=1.0, gt=0, le=1)


class RunFile(Message):
    """All that the trainer needs: it reads nothing else and asks nobody."""

    run_id: str
    recipe: Recipe
    base: BasePin
    base_dir: Path
    rows: tuple[RowSource, ...] = Field(min_length=1)
    template: Digest
    threads: int = Field(default=2, ge=1)
    held_out_per_kind: int = Field(default=HELD_OUT_PER_KIND, ge=0)


class Loaded(Message):
    """What the trainer read and runs on; part of the run record."""

    rows: dict[str, int]
    rows_too_long: int
    rows_held_out: int
    device: str
    dtype: str
    threads: int


class Failure(Message):
    """Why a run ended, as `failure.json` says it to the parent process."""

    code: str
    message: str
    remedy: str
    retryable: bool = False

    def error(self) -> AssayError:
        """The same as an exception."""
        kind = Unavailable if self.retryable else TrainingFailed
        return kind(self.code, self.message, self.remedy)


class RunFolder:
    """The paths of one run below `workdir`."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir
        self.run = workdir / "run.json"
        self.metrics = workdir / "metrics.jsonl"
        self.checkpoints = workdir / "checkpoints"
        self.loaded = workdir / "loaded.json"
        self.interventions = workdir / "interventions.json"
        self.failure = workdir / "failure.json"
        self.log = workdir / "trainer.log"

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies, or would."""
        return self.checkpoints / f"step-{step:06d}"

    def write_run(self, run: RunFile) -> None:
        """Create the folder with its job."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        _write_whole(self.run, run.model_dump_json(indent=2))

    def read_run(self) -> RunFile:
        """The job. Raises pydantic.ValidationError when it is malformed."""
        return RunFile.model_validate_json(self.run.read_bytes())

    def write_loaded(self, loaded: Loaded) -> None:
        """Say what was read."""
        _write_whole(self.loaded, loaded.model_dump_json())

    def read_loaded(self) -> Loaded:
        """What the trainer read. Raises FileNotFoundError before it has."""
        return Loaded.model_validate_json(self.loaded.read_bytes())

    def write_interventions(self, taken: Sequence[Intervention]) -> None:
        """Say what was done about troubles."""
        _write_whole(self.interventions, _INTERVENTIONS.dump_json(tuple(taken)).decode())

    def read_interventions(self) -> tuple[Intervention, ...]:
        """What was done about troubles so far, oldest first."""
        return _INTERVENTIONS.validate_json(self.interventions.read_bytes()) if self.interventions.exists() else ()

    def write_failure(self, failure: Failure) -> None:
        """Leave the cause for the parent."""
        _write_whole(self.failure, failure.model_dump_json())

    def read_failure(self) -> Failure | None:
        """The cause, if the trainer left one."""
        if not self.failure.exists():
            return None
        return Failure.model_validate_json(self.failure.read_bytes())


def _write_whole(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)

"""The training activity: a thin shell that heartbeats, resumes and never leaves a trainer behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.training import process, run
from activities.training.stored import Stored
from assay.contracts.training import TrainingProgress, TrainingResult, TrainJob
from assay.settings import Settings
from registry import Registry


class TrainingActivities:
    """Shell over `activities.training.run`; opens the registry at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.train]

    @activity.defn(name="train")
    def train(self, job: TrainJob) -> TrainingResult:
        """See `assay.contracts.training.train`. Cancellation and worker shutdown save a checkpoint, then stop."""
        info = activity.info()
        known = TrainingProgress.model_validate(info.heartbeat_details[0]) if info.heartbeat_details else None
        folder = run.prepare(job, self._registry, self._settings.home / "runs" / job.run_id)
        blobs = self._registry.blobs
        stored = Stored(folder, blobs, known)
        resumed_from = stored.bring_here()
        activity.heartbeat(known or process.progress(folder, job.request.spec.recipe.max_steps, resumed_from))
        trainer = process.start(folder)
        try:
            run.watch(folder, trainer, stored, activity.heartbeat, resumed_from)
        finally:
            # Cancellation arrives as an exception in this thread; a second one must not interrupt the clean-up.
            with activity.shield_thread_cancel_exception():
                process.stop(trainer)
        result = run.collect(job, folder, blobs, resumed_from, info.attempt)
        self._registry.runs.add(result, job.request)
        return result

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

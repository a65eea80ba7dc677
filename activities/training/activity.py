"""The training activity: a thin shell that heartbeats, resumes and never leaves a trainer behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.heartbeat import Beat, beating
from activities.training import process, run
from activities.training.stored import Stored
from activities.training.supervision import Attempt, supervise
from activities.training.weights import RunWeights
from assay.contracts.errors import AssayError, Conflict, NotFound
from assay.contracts.training import TrainingProgress, TrainingResult, TrainJob
from assay.settings import Settings
from assay.telemetry import traces
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
        """See `assay.contracts.training.train`. Cancellation and worker shutdown save a checkpoint, then stop.

        A run on record is not done again: its result is the one that signatures and reports name.
        """
        if (done := self._on_record(job)) is not None:
            return done
        info = activity.info()
        known = TrainingProgress.model_validate(info.heartbeat_details[0]) if info.heartbeat_details else None
        with beating(known or TrainingProgress(step=0, max_steps=job.request.spec.recipe.max_steps)) as beat:
            return self._train(job, info.attempt, known, beat)

    def _train(self, job: TrainJob, number: int, known: TrainingProgress | None, beat: Beat) -> TrainingResult:
        told = known or TrainingProgress(step=0, max_steps=job.request.spec.recipe.max_steps)
        self._registry.runs.begin(job.run_id, job.request)

        def tell(progress: TrainingProgress) -> None:
            nonlocal told
            told = progress
            beat(progress)

        try:
            result = self._attempt(job, number, known, tell)
        except AssayError as error:
            # Recorded before it is known: a run that failed is on record whatever becomes of this worker.
            if not error.retryable:
                self._registry.runs.add_failed(job, error, told, attempts=number)
            raise
        self._registry.runs.add(result, job.request)
        return self._registry.runs.get(job.run_id).result  # another attempt may have been first

    def _attempt(
        self, job: TrainJob, number: int, known: TrainingProgress | None, tell: Callable[[TrainingProgress], None]
    ) -> TrainingResult:
        folder = run.prepare(job, self._registry, self._settings.home / "runs" / job.run_id)
        weights = RunWeights(self._registry, job.run_id, activity.shield_thread_cancel_exception)
        stored = Stored(folder, weights.blobs, known, weights.put)
        attempt = Attempt(
            kills=known.kills if known else 0,
            resumed_from=stored.bring_here(),
            spent=known.device_seconds if known else 0.0,
            allowed=job.request.spec.budget.max_device_minutes * 60,
            pause=_pause,
        )
        trainer = process.start(folder, self._ids(job.run_id))
        try:
            last = supervise(folder, trainer, stored, tell, attempt)
        finally:
            # Cancellation arrives as an exception in this thread; a second one must not interrupt the clean-up.
            with activity.shield_thread_cancel_exception():
                process.stop(trainer)
        return run.collect(job, folder, weights, last, number)

    def _ids(self, run_id: str) -> dict[str, str]:
        """What leads from the trainer's lines and spans to this activity."""
        info = activity.info()
        ids = {"run": run_id, "workflow_id": info.workflow_id, "run_id": info.workflow_run_id, "attempt": info.attempt}
        form = {"ASSAY_LOG_FORMAT": self._settings.log_format, "ASSAY_LOG_LEVEL": self._settings.log_level}
        return traces.for_child(self._settings) | form | {process.LOG_IDS: json.dumps(ids)}

    def _on_record(self, job: TrainJob) -> TrainingResult | None:
        try:
            record = self._registry.runs.get(job.run_id)
        except NotFound:
            return None
        if record.result.config_hash != job.request.spec.content_digest():
            raise Conflict("RUN_ID_TAKEN", f"run {job.run_id} is on record for another run spec", "use another id")
        return record.result

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)


def _pause() -> bool:
    """Wait a second or for the worker's shutdown; says whether it is that."""
    activity.wait_for_worker_shutdown_sync(1.0)
    return activity.is_worker_shutdown()

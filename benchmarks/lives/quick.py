"""Stand-ins for what takes a model: a training that writes a few bytes, an evaluation that knows its result.

All else is real: rows are scanned and decided, gates are asked, versions are signed and verified, routes are compiled.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from temporalio import activity

from activities.evaluation.activity import EvaluationActivities
from activities.evaluation.samples import dump_samples
from activities.serving.activity import ServingActivities
from assay.contracts.evaluation import ArmJob, ArmScores
from assay.contracts.rollout import Analysis, AnalysisJob, WarmJob
from assay.contracts.training import Candidate, TrainingResult, TrainJob
from assay.settings import Settings
from evals.statistics import rate
from registry import Registry
from registry.root_digest import root_digest

TUNED: Final = {
    "call_valid": (65, 69),
    "call_full_match": (24, 69),
    "irrelevance_refused": (27, 30),
    "chat_contains": (18, 20),
    "chat_spurious_call": (2, 20),
}
BASE: Final = {**TUNED, "call_valid": (0, 69), "call_full_match": (0, 69), "chat_spurious_call": (0, 20)}


class QuickTraining:
    """Writes an adapter of a few bytes, other ones for each run, and enters the run as a training does."""

    def __init__(self, settings: Settings, diary: Path) -> None:
        self._settings, self._diary = settings, diary

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.train]

    @activity.defn(name="train")
    def train(self, job: TrainJob) -> TrainingResult:
        """See `assay.contracts.training.train`. The diary says when which process held the slot."""
        began = time.time()
        blobs = self._registry.blobs
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "adapter_config.json").write_text("{}", "utf-8")
            (folder / "adapter_model.safetensors").write_bytes(job.run_id.encode())
            candidate = Candidate(step=1, adapter=root_digest(folder), files=blobs.put_tree(folder), train_loss=0.5)
        result = TrainingResult(
            run_id=job.run_id,
            config_hash=job.request.spec.content_digest(),
            record=blobs.put(json.dumps({"run": job.run_id}).encode()),
            candidates=(candidate,),
            steps=1,
            loss_first=1,
            loss_last=0.5,
            tokens_per_second=1,
        )
        self._registry.runs.add(result, job.request)
        with self._diary.open("a", encoding="utf-8") as diary:
            diary.write(json.dumps({"pid": os.getpid(), "run": job.run_id, "from": began, "to": time.time()}) + "\n")
        return result

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)


class QuickEvaluation(EvaluationActivities):
    """No engine: an arm's rates are known. Checkpoints are chosen, and reports and cards written, as ever."""

    @activity.defn(name="evaluate_arm")
    async def evaluate_arm(self, job: ArmJob) -> ArmScores:
        """See `assay.contracts.evaluation.evaluate_arm`."""
        counts = TUNED if job.candidate else BASE
        name = f"step-{job.candidate.step}" if job.candidate else "base"
        adapter = job.candidate.adapter if job.candidate else None
        return ArmScores(
            name=f"{name}+schema" if job.schema_decoding else name,
            split=job.split,
            adapter=adapter,
            schema_decoding=job.schema_decoding,
            rates=tuple(rate(kind, count, total) for kind, (count, total) in counts.items()),
            samples=self._registry.blobs.put(dump_samples((), adapter)),
            seconds=0,
        )


class QuickServing(ServingActivities):
    """No engine to load into and no traffic to judge by. Route tables are compiled, decided and published as ever."""

    @activity.defn(name="warm_version")
    async def warm_version(self, job: WarmJob) -> None:
        """See `assay.contracts.rollout.warm_version`."""

    @activity.defn(name="cool_version")
    async def cool_version(self, job: WarmJob) -> None:
        """See `assay.contracts.rollout.cool_version`."""

    @activity.defn(name="analyse_canary")
    async def analyse_canary(self, job: AnalysisJob) -> Analysis:  # noqa: ARG002  # the activity's signature
        """See `assay.contracts.rollout.analyse_canary`."""
        return Analysis(verdict="successful", reason="CANARY_GOOD: known", e_value=0, observations=())

    @cached_property
    def gateways(self) -> NoGateways:  # type: ignore[override]  # as far as it is asked
        return NoGateways()


class NoGateways:
    """Nobody serves the tables."""

    async def refresh(self, revision: int) -> int:  # noqa: ARG002  # as the real one
        """As many as have it."""
        return 0

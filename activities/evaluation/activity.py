"""Evaluation activities: arms answer on the engine, the best checkpoint is chosen, report and card are written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import rfc8785
from temporalio import activity

from activities.evaluation.borrowed import asking, borrowed, name_for
from activities.evaluation.facts import dataset_facts, production_card
from activities.evaluation.samples import keep_samples, load_samples
from activities.heartbeat import Beat, beating_async
from assay.contracts.base import Digest
from assay.contracts.evaluation import ArmJob, ArmScores, EvaluationResult, ReportJob
from assay.contracts.promotion import CardDraft, PinnedPromotion
from assay.settings import Settings
from evals import card as cards
from evals.diff import diff
from evals.report import document, paired_tests
from evals.run import Sample, answer_all, rates
from evals.selection import choose
from evals.suite import SuiteRow, read_suite
from evals.tasks import asks_schema
from registry import Registry
from serving.adapters import AdapterStore
from serving.engines.protocol import Engine, require_pairing
from serving.engines.sglang import SGLangEngine
from serving.loading import Loader


class EvaluationActivities:
    """Shell over `evals`; opens its connections at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.evaluate_arm, self.choose_candidate, self.write_report, self.draft_card]

    @activity.defn(name="evaluate_arm")
    async def evaluate_arm(self, job: ArmJob) -> ArmScores:
        """See `assay.contracts.evaluation.evaluate_arm`."""
        begun = time.monotonic()
        rows = self._rows(job)
        # A busy engine may take minutes for its first answer.
        async with beating_async(0, len(rows)) as beat, self._open_engine() as engine:
            require_pairing(await engine.info(), job.base, job.template)
            samples = await self._answer(engine, job, rows, beat)
        return ArmScores(
            name=_arm_name(job),
            split=job.split,
            adapter=job.candidate.adapter if job.candidate else None,
            schema_decoding=job.schema_decoding,
            rates=rates(samples),
            samples=keep_samples(self._registry, samples, job.candidate.adapter if job.candidate else None),
            seconds=round(time.monotonic() - begun, 1),
        )

    @activity.defn(name="choose_candidate", no_thread_cancel_exception=True)
    def choose_candidate(self, arms: tuple[ArmScores, ...]) -> Digest:
        """See `assay.contracts.evaluation.choose_candidate`."""
        adapter = choose(arms).adapter
        assert adapter is not None
        return adapter

    @activity.defn(name="write_report", no_thread_cancel_exception=True)
    def write_report(self, job: ReportJob) -> EvaluationResult:
        """See `assay.contracts.evaluation.write_report`."""
        reported = [arm for arm in job.arms if arm.split == "report"]
        samples = {arm.name: load_samples(self._registry.blobs.get(arm.samples)) for arm in reported}
        paired = paired_tests(job, samples)
        report = self._registry.blobs.put(rfc8785.dumps(document(job, paired)))
        result = EvaluationResult(
            report=report, chosen=job.chosen, arms=job.arms, paired=paired, template=job.request.template
        )
        self._registry.evaluations.add(result, job.request)
        return result

    @activity.defn(name="draft_card", no_thread_cancel_exception=True)
    def draft_card(self, request: PinnedPromotion) -> CardDraft:
        """See `assay.contracts.promotion.draft_card`."""
        registry = self._registry
        base = registry.bases.by_digest(request.base.digest)
        recipe = registry.runs.get(request.training.run_id).request.spec.recipe.model_dump(mode="json")
        drafted = cards.card(request, base.licence, recipe, dataset_facts(registry, request.datasets))
        difference = diff(production_card(registry, request.tenant, request.model), drafted)
        put = registry.blobs.put
        return CardDraft(card=put(rfc8785.dumps(drafted)), diff=put(rfc8785.dumps(difference)))

    def _rows(self, job: ArmJob) -> tuple[SuiteRow, ...]:
        rows = [row for row in read_suite(self._registry.blobs.get(job.suite)) if row.split == job.split]
        return tuple(row for row in rows if asks_schema(row) or not job.schema_decoding)

    async def _answer(self, engine: Engine, job: ArmJob, rows: tuple[SuiteRow, ...], beat: Beat) -> tuple[Sample, ...]:
        async with borrowed(engine, name_for(job, activity.info()), partial(self._load, engine, job)) as name:
            return await answer_all(
                rows,
                asking(engine, name),
                schema_decoding=job.schema_decoding,
                progress=lambda done: beat(done, len(rows)),
            )

    async def _load(self, engine: Engine, job: ArmJob, name: str) -> None:
        """A candidate is not signed yet: its digest is checked and it is admitted like any other adapter."""
        assert job.candidate is not None
        base = self._registry.bases.by_digest(job.base.digest)
        config = json.loads((Path(base.path) / "config.json").read_text("utf-8"))
        store = AdapterStore(self._settings.home, self._registry.blobs)
        rank, refuse = self._settings.engine.max_lora_rank, self._registry.withdrawals.refuse
        loader = Loader(store, base.pin, config, rank, refuse)
        await loader.ensure(engine, name, job.candidate.adapter, job.candidate.files)

    def _open_engine(self) -> SGLangEngine:
        data, admin = (key.get_secret_value() for key in (self._settings.engine_key, self._settings.control_key))
        return SGLangEngine(self._settings.engines[0], data, admin)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)


def _arm_name(job: ArmJob) -> str:
    name = f"step-{job.candidate.step}" if job.candidate else "base"
    return f"{name}+schema" if job.schema_decoding else name

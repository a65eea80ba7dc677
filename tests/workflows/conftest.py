"""Workflows on a real Temporal dev server, with stand-ins for the activities that other workers own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from assay.client import AssayClient
from assay.contracts import erasure, evaluation, lifecycle, names, policy, promotion, rollout, training
from assay.contracts.base import BasePin, Rate, Reference
from assay.settings import Settings
from tests._servers.histories import end_all, record
from tests._servers.temporal import running_temporal
from workers.plugin import plugin
from workers.run import WorkerKind, make_current, make_worker
from workflows import ALL

from .intaking import DATASET, Intaking, ref, sha

BASE = BasePin(repository="acme/base", revision="1", digest=sha("0"))
ADAPTER, REPORT, CARD, DIFF = sha("a"), sha("b"), sha("c"), sha("d")


CANDIDATES = tuple(
    training.Candidate(step=n, adapter=sha(c), files=ref(sha(c)), train_loss=1) for n, c in ((10, "a"), (20, "9"))
)
PLAN = training.MixPlan(
    steps=10,
    drawn=40,
    parts=(),
    human=training.MixTotal(rows=10, drawn=10, share=0.25),
    gold=training.MixTotal(rows=0, drawn=0, share=0),
    synthetic=training.MixTotal(rows=30, drawn=30, share=0.75),
    deepest=1,
)
TRAINED = training.TrainingResult(
    run_id="run",
    config_hash=sha("0"),
    record=ref(sha("5")),
    candidates=CANDIDATES,
    steps=20,
    loss_first=2,
    loss_last=1,
    tokens_per_second=300,
)

SUITE = ref(sha("2"))


@dataclass
class House(Intaking):
    """Activities with switches, and a diary of what was done."""

    diary: list[str] = field(default_factory=list)
    review: list[tuple[policy.Violation, ...]] = field(default_factory=list)
    gate_down: int = 0
    release: list[tuple[policy.Violation, ...]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    pointers: dict[str, str | None] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    on_trial: bool = False
    trained: training.TrainingResult = TRAINED
    plan: training.MixPlan = PLAN
    holds: list[str] = field(default_factory=list)
    remains: list[tuple[str, ...]] = field(default_factory=list)
    own: tuple[erasure.FoundIn, ...] = (erasure.FoundIn(dataset=DATASET, kept=1),)
    forbidding: tuple[policy.Violation, ...] = ()
    confirming: list[tuple[policy.Violation, ...]] = field(default_factory=list)
    confirmed: list[erasure.MentionsConfirmed] = field(default_factory=list)
    done: erasure.CaseDone | None = None
    mentioned: tuple[erasure.FoundIn, ...] = ()
    mentioned_waiting: int = 0
    retraining: dict[erasure.Retraining, training.TrainingRequest] = field(default_factory=dict)
    working: tuple[str, ...] = ()
    shards_a_source: int = 1
    quarantines: bool = False
    suite: Reference = SUITE

    async def enter(self, name: str) -> None:
        """At the beginning of an activity: wait where a test wants to wait, fail where it wants to fail."""
        self.begun.add(name)
        if name in self.gates:
            await self.gates[name].wait()
        if name in self.refused:
            raise ApplicationError("no", type=self.refused[name], non_retryable=self.refused[name] != "AWAY")

    def all(self) -> list[Callable[..., Any]]:
        return [
            getattr(self, name) for name in dir(self) if hasattr(getattr(self, name), "__temporal_activity_definition")
        ]

    def decision(self, gate: policy.Gate, violations: tuple[policy.Violation, ...] = ()) -> policy.Decision:
        return policy.Decision(
            gate=gate,
            allow=not violations,
            violations=violations,
            decision_id=f"{gate}-{len(self.diary)}",
            policy_revision="r1",
            input=ref(sha("f")),
        )

    @activity.defn
    async def prepare_lifecycle(self, request: lifecycle.LifecycleRequest) -> lifecycle.Preparation:
        if request.base != BASE.repository:
            raise ApplicationError("no such base", type="BASE_UNKNOWN", non_retryable=True)
        return lifecycle.Preparation(base=BASE, template=sha("1"), suite=self.suite)

    @activity.defn
    async def pin_training(self, request: training.TrainingRequest) -> training.PinnedTraining:
        shares = tuple(training.DatasetShare(dataset=one.dataset, ratio=one.ratio) for one in request.datasets)
        spec = training.RunSpec(base=BASE, datasets=shares, template=sha("1"), recipe=request.recipe)
        return training.PinnedTraining(
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            spec=spec,
            requested_by=request.requested_by,
            plan=self.plan,
        )

    @activity.defn
    async def pin_evaluation(self, request: evaluation.EvaluationRequest) -> evaluation.PinnedEvaluation:
        return evaluation.PinnedEvaluation(
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            base=BASE,
            template=sha("1"),
            suite=ref(sha("2")),
            candidates=CANDIDATES,
            requested_by=request.requested_by,
        )

    @activity.defn
    async def pin_promotion(self, request: promotion.PromotionRequest) -> promotion.PinnedPromotion:
        result = evaluation.EvaluationResult(report=ref(REPORT), chosen=CANDIDATES[0], arms=(), template=sha("1"))
        return promotion.PinnedPromotion(
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            base=BASE,
            datasets=(DATASET,),
            training=TRAINED,
            evaluation=result,
            rules=request.rules,
            requested_by=request.requested_by,
        )

    @activity.defn
    async def pin_rollout(self, request: rollout.RolloutRequest) -> rollout.PinnedRollout:
        return rollout.PinnedRollout(
            tenant=request.tenant, model=request.model, version=request.version, target=ADAPTER, base=BASE
        )

    @activity.defn
    async def decide_training(self, request: training.PinnedTraining) -> policy.Decision:
        return self.decision("training")

    @activity.defn
    async def train(self, job: training.TrainJob) -> training.TrainingResult:
        await self.enter("train")
        self.diary.append(f"train {job.run_id}")
        return self.trained.model_copy(update={"run_id": job.run_id})

    @activity.defn
    async def evaluate_arm(self, job: evaluation.ArmJob) -> evaluation.ArmScores:
        await self.enter("evaluate_arm")
        name = f"step-{job.candidate.step}" if job.candidate else "base"
        self.diary.append(f"evaluate {job.split} {name}{'+schema' if job.schema_decoding else ''}")
        rate = Rate(name="call_valid", count=1, total=2, low=0.1, high=0.9)
        adapter = job.candidate.adapter if job.candidate else None
        return evaluation.ArmScores(
            name=name, split=job.split, adapter=adapter, rates=(rate,), samples=ref(sha("6")), seconds=1
        )

    @activity.defn
    async def choose_candidate(self, arms: tuple[evaluation.ArmScores, ...]) -> str:
        return ADAPTER

    @activity.defn
    async def write_report(self, job: evaluation.ReportJob) -> evaluation.EvaluationResult:
        return evaluation.EvaluationResult(report=ref(REPORT), chosen=job.chosen, arms=job.arms, template=sha("1"))

    @activity.defn
    async def draft_card(self, request: promotion.PinnedPromotion) -> promotion.CardDraft:
        return promotion.CardDraft(card=ref(CARD), diff=ref(DIFF))

    @activity.defn
    async def sign_version(self, request: promotion.PinnedPromotion) -> promotion.SignedVersion:
        chosen = request.evaluation.chosen
        return promotion.SignedVersion(
            digest=chosen.adapter, files=chosen.files, signature=ref(sha("7")), statements=(ref(sha("8")),)
        )

    @activity.defn
    async def register_version(self, case: promotion.PromotionCase) -> None:
        self.diary.append(f"register {case.version.digest[7:10]}")

    @activity.defn
    async def decide_review(self, case: promotion.PromotionCase) -> policy.Decision:
        await self.enter("decide_review")
        if self.gate_down:
            self.gate_down -= 1
            raise ApplicationError("no answer", type="OPA_UNREACHABLE")
        return self.decision("review", self.review.pop(0) if self.review else ())

    @activity.defn
    async def decide_release(self, case: promotion.PromotionCase) -> policy.Decision:
        await self.enter("decide_release")
        return self.decision("release", self.release.pop(0) if self.release else ())

    @activity.defn
    async def attest_decision(self, case: promotion.PromotionCase, decision: policy.Decision) -> Reference:
        self.diary.append(f"attest {decision.gate} {'yes' if decision.allow else 'no'}")
        return ref(sha("7"))

    @activity.defn
    async def read_pointer(self, query: promotion.PointerQuery) -> promotion.PointerMoved:
        return promotion.PointerMoved(target=self.pointers.get(query.stage), previous=None, revision=1)

    @activity.defn
    async def move_pointer(self, move: promotion.PointerMove) -> promotion.PointerMoved:
        await self.enter(f"move_pointer {move.stage}")
        if self.pointers.get(move.stage) != move.expected:
            raise ApplicationError("the pointer moved", type="POINTER_MOVED", non_retryable=True)
        self.pointers[move.stage] = move.target
        self.diary.append(f"point {move.stage}")
        return promotion.PointerMoved(target=move.target, previous=move.expected, revision=2)

    @activity.defn
    async def warm_version(self, job: rollout.WarmJob) -> None:
        await self.enter("warm_version")
        self.diary.append("warm")

    @activity.defn
    async def cool_version(self, job: rollout.WarmJob) -> None:
        self.diary.append("cool")

    @activity.defn
    async def permit_routes(self, change: rollout.RouteChange) -> str:
        await self.enter("permit_routes")
        self.diary.append("routes permitted")
        return "d"

    @activity.defn
    async def publish_routes(self, change: rollout.RouteChange) -> rollout.RoutesPublished:
        kind = change.key.rsplit("/", 1)[-1] if change.canary is None else "canary"
        await self.enter(f"publish {kind}")
        if change.withdraw:
            if self.on_trial:
                self.diary.append("trial withdrawn")
            self.on_trial = False
            return rollout.RoutesPublished(revision=9, gateways=1, decision_id="d", flip_milliseconds=1)
        self.on_trial = bool(change.canary or change.shadow)
        to = (change.stable or "base")[:8]
        self.diary.append(f"routes {to} canary {change.canary_percent:g} shadow {change.shadow_percent:g}")
        revision = sum(line.startswith("routes") for line in self.diary)
        return rollout.RoutesPublished(revision=revision, gateways=1, decision_id="d", flip_milliseconds=1)

    @activity.defn
    async def analyse_canary(self, job: rollout.AnalysisJob) -> rollout.Analysis:
        await self.enter("analyse_canary")
        verdict = self.verdicts.pop(0) if self.verdicts else "successful"
        return rollout.Analysis.model_validate(
            {"verdict": verdict, "reason": f"CANARY_{verdict.upper()}", "e_value": 1, "observations": ()}
        )

    @activity.defn
    async def open_incident(self, incident: rollout.Incident) -> None:
        await self.enter("open_incident")
        self.diary.append("incident opened")

    @activity.defn
    async def close_incident(self, incident: rollout.Incident, cause: rollout.RootCause) -> None:
        await self.enter("close_incident")
        self.diary.append("incident closed")

    @activity.defn
    async def decide_erasure(self, job: erasure.CaseJob) -> policy.Decision:
        return self.decision("erasure", self.forbidding)

    @activity.defn
    async def withdraw_rows(self, job: erasure.CaseJob) -> erasure.Withdrawn:
        self.diary.append("withdraw")
        await self.enter(f"withdraw {self.diary.count('withdraw')}")
        waiting = self.mentioned_waiting
        found = erasure.Found(own=self.own, mentioned=self.mentioned, mentioned_waiting=waiting)
        return erasure.Withdrawn(found=found, workflows=self.working, revision=1)

    @activity.defn
    async def replace_routes(self, job: erasure.CaseJob, withdrawn: erasure.Withdrawn) -> tuple[erasure.Replaced, ...]:
        self.diary.append("replace")
        return ()

    @activity.defn
    async def read_holds(self, job: erasure.CaseJob) -> erasure.Held:
        return erasure.Held(holds=tuple(self.holds))

    @activity.defn
    async def reseal_datasets(self, job: erasure.CaseJob) -> tuple[erasure.NewDataset, ...]:
        self.diary.append("reseal")
        version = 1 + self.diary.count("reseal")
        return (erasure.NewDataset(replaces=DATASET, dataset=sha("d"), version=version, rows=1),)

    @activity.defn
    async def shred_rows(self, job: erasure.CaseJob, withdrawn: erasure.Withdrawn) -> erasure.Shredded:
        self.diary.append("shred")
        return erasure.Shredded(shards=(DATASET,))

    @activity.defn
    async def decide_mentions(self, job: erasure.ConfirmJob) -> policy.Decision:
        await self.enter(f"decide_mentions {job.confirmed.reviewer}")
        why = self.confirming.pop(0) if self.confirming else None  # an empty one: a no without a reason
        return self.decision("mentions", why or ()).model_copy(update={"allow": why is None})

    @activity.defn
    async def confirm_rows(self, job: erasure.ConfirmJob) -> erasure.Found:
        self.confirmed.append(job.confirmed)
        return erasure.Found(own=(erasure.FoundIn(dataset=DATASET, kept=2),), mentioned=self.mentioned)

    @activity.defn
    async def plan_retraining(
        self, job: erasure.CaseJob, datasets: tuple[erasure.NewDataset, ...]
    ) -> tuple[erasure.Retraining, ...]:
        self.diary.append("plan")
        return tuple(self.retraining)

    @activity.defn
    async def read_training_request(self, planned: erasure.Retraining) -> training.TrainingRequest:
        return self.retraining[planned]

    @activity.defn
    async def search_stores(self, job: erasure.CaseJob) -> erasure.Remains:
        return erasure.Remains(searched=("blobs",), found=self.remains.pop(0) if self.remains else ())

    @activity.defn
    async def search_serving(self, job: erasure.CaseJob) -> erasure.Remains:
        return erasure.Remains(searched=("engines",))

    @activity.defn
    async def write_receipt(self, done: erasure.CaseDone) -> erasure.Receipt:
        self.diary.append("receipt")
        self.done = done
        return erasure.Receipt(reference=ref(sha("c")))

    @activity.defn
    async def remind_erasure(self, reminder: erasure.Reminder) -> None:
        self.diary.append("remind")


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture(scope="session")
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    # Long before the server's own 4,096 events, so that a test can see a rollout go on in a new run.
    early = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=100")
    async with running_temporal(temporal_binary, *early) as environment:
        yield environment


@pytest.fixture
async def client(server: WorkflowEnvironment, house: House, tmp_path: Path) -> AsyncIterator[AssayClient]:
    config = server.client.config()
    config["plugins"] = [plugin()]
    connected, settings = Client(**config), Settings(home=tmp_path)
    queues = (names.DATA_QUEUE, names.TRAINING_QUEUE, names.SERVING_QUEUE)
    kinds = [WorkerKind(queue, queue, 0, house.all()) for queue in queues]
    kinds.append(WorkerKind("control", names.CONTROL_QUEUE, 0, house.all(), ALL))
    async with AsyncExitStack() as running:
        for kind in kinds:
            await running.enter_async_context(make_worker(connected, settings, kind, grace=timedelta(0)))
        await make_current(connected, settings)
        yield AssayClient(connected)
        await record(connected)
        await end_all(connected)

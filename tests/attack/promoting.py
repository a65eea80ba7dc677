"""A promotion whose activities all say yes: only people, and the workflow itself, stand in an attacker's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from assay.contracts import evaluation, policy, promotion, rollout, training
from assay.contracts.base import BasePin, Reference


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


def ref(letter: str) -> Reference:
    return Reference(uri=f"blob:{letter * 64}", sha256=sha(letter))


BASE = BasePin(repository="acme/base", revision="1", digest=sha("0"))
ADAPTER = sha("a")
CHOSEN = training.Candidate(step=1, adapter=ADAPTER, files=ref("a"), train_loss=1)
DIFF = sha("d")


@dataclass
class Yes:
    """Activities that allow everything; `review` are violations of the next reviews, `moved` what came of it."""

    review: list[tuple[policy.Violation, ...]] = field(default_factory=list)
    moved: list[promotion.PointerMove] = field(default_factory=list)
    published: list[rollout.RouteChange] = field(default_factory=list)
    cases: list[promotion.PromotionCase] = field(default_factory=list)

    def all(self) -> list[Callable[..., Any]]:
        named = [getattr(self, name) for name in dir(self)]
        return [each for each in named if hasattr(each, "__temporal_activity_definition")]

    def _decision(self, gate: policy.Gate, violations: tuple[policy.Violation, ...] = ()) -> policy.Decision:
        return policy.Decision(
            gate=gate,
            allow=not violations,
            violations=violations,
            decision_id=gate,
            policy_revision="r",
            input=ref("f"),
        )

    @activity.defn
    async def pin_promotion(self, request: promotion.PromotionRequest) -> promotion.PinnedPromotion:
        trained = training.TrainingResult(
            run_id="run",
            config_hash=sha("0"),
            record=ref("5"),
            candidates=(CHOSEN,),
            steps=1,
            loss_first=2,
            loss_last=1,
            tokens_per_second=1,
        )
        return promotion.PinnedPromotion(
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            base=BASE,
            datasets=(sha("e"),),
            training=trained,
            evaluation=evaluation.EvaluationResult(report=ref("b"), chosen=CHOSEN, arms=(), template=sha("1")),
            rules=request.rules,
            requested_by=request.requested_by,
        )

    @activity.defn
    async def draft_card(self, request: promotion.PinnedPromotion) -> promotion.CardDraft:
        return promotion.CardDraft(card=ref("c"), diff=ref("d"))

    @activity.defn
    async def sign_version(self, request: promotion.PinnedPromotion) -> promotion.SignedVersion:
        return promotion.SignedVersion(digest=ADAPTER, files=CHOSEN.files, signature=ref("7"), statements=(ref("8"),))

    @activity.defn
    async def register_version(self, case: promotion.PromotionCase) -> None:
        return None

    @activity.defn
    async def decide_review(self, case: promotion.PromotionCase) -> policy.Decision:
        return self._decision("review", self.review.pop(0) if self.review else ())

    @activity.defn
    async def decide_release(self, case: promotion.PromotionCase) -> policy.Decision:
        self.cases.append(case)
        return self._decision("release")

    @activity.defn
    async def attest_decision(self, case: promotion.PromotionCase, decision: policy.Decision) -> Reference:
        return ref("7")

    @activity.defn
    async def read_pointer(self, query: promotion.PointerQuery) -> promotion.PointerMoved:
        return promotion.PointerMoved(target=None, previous=None, revision=1)

    @activity.defn
    async def move_pointer(self, move: promotion.PointerMove) -> promotion.PointerMoved:
        self.moved.append(move)
        return promotion.PointerMoved(target=move.target, previous=None, revision=2)

    @activity.defn
    async def publish_routes(self, change: rollout.RouteChange) -> rollout.RoutesPublished:
        self.published.append(change)
        return rollout.RoutesPublished(revision=1, gateways=1, decision_id="d", flip_milliseconds=1)

    @activity.defn
    async def permit_routes(self, change: rollout.RouteChange) -> str:
        return "d"

    @activity.defn
    async def cool_version(self, job: rollout.WarmJob) -> None:
        return None

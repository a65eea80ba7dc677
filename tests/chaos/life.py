"""One lifecycle, driven by the typed client as a user would, however often what it talks to is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from temporalio.service import RPCError

from assay.client import AssayClient
from assay.contracts.errors import NotFound, PolicyRefused, Unavailable
from assay.contracts.lifecycle import LifecycleRequest, LifecycleStatus
from assay.contracts.promotion import Approval, ApprovalRules, Override, PromotionStatus
from assay.contracts.rollout import AnalysisRules, CanaryStep, RolloutPlan

from . import material
from .plan import STAGES, Stage

ANN, BOB, EVE = "ann@acme.example", "bob@acme.example", "eve@acme.example"
PLAN: Final = RolloutPlan(
    shadow=CanaryStep(percent=100, min_requests=2),
    canary=(CanaryStep(percent=20, min_requests=2), CanaryStep(percent=50, min_requests=4)),
    # A random model answers nonsense, and a killed engine fails both arms: what is tried here is not the judge.
    analysis=AnalysisRules(
        max_bad_rate=0.99, max_regression=0.99, interval=timedelta(seconds=1), step_timeout=timedelta(minutes=30)
    ),
)
ENDED: Final = frozenset({"production", "refused", "rolled back", "failed"})
T = TypeVar("T")


def request(data: Path, tenant: str, model: str, version: int) -> LifecycleRequest:
    """Version N is trained with seed N: other weights than the version before."""
    return LifecycleRequest(
        tenant=tenant,
        model=model,
        version=version,
        base="HuggingFaceTB/SmolLM2-135M-Instruct",  # the repository `assay up` registers what stands at home/base as
        dataset=f"{model}-rows",
        sources=material.sources(data),
        recipe=material.recipe(version),
        suite=str(data / "suite.jsonl"),
        approval=ApprovalRules(override_window=timedelta(hours=6)),
        rollout=PLAN,
        requested_by=ANN,
    )


@dataclass
class Life:
    """One lifecycle under way."""

    client: AssayClient
    request: LifecycleRequest
    stage: Stage | None = None
    status: LifecycleStatus = field(default_factory=LifecycleStatus)
    began: dict[Stage, float] = field(default_factory=dict)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    refusals: list[str] = field(default_factory=list)
    """Answers to approvals and overrides that were refused though nobody else had given them."""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.request.tenant, self.request.model, self.request.version

    @property
    def name(self) -> str:
        return "/".join(map(str, self.key))

    async def live(self) -> LifecycleStatus:
        """From start to end."""
        await persistently(lambda: self.client.start_lifecycle(self.request))
        while True:
            self.status = await persistently(lambda: self.client.lifecycle_status(*self.key))
            if self.status.stage not in ENDED:
                await self._look()
            async with self.moved:
                self.moved.notify_all()
            if self.status.stage in ENDED:
                return self.status
            await asyncio.sleep(0.4)

    async def reaches(self, stage: Stage) -> None:
        """Wait for this stage or a later one, or the end."""
        later = set(STAGES[STAGES.index(stage) :])
        async with self.moved:
            await self.moved.wait_for(lambda: bool(later & self.began.keys()) or self.status.stage in ENDED)

    async def _look(self) -> None:
        stage = self.status.stage
        if stage == "promotion":
            await self._decide(await persistently(lambda: self.client.promotion_status(*self.key)))
        elif stage in ("intake", "training", "evaluation", "rollout"):
            self._enter(stage)

    async def _decide(self, status: PromotionStatus) -> None:
        self._enter("promotion")
        diff = status.card.diff.sha256 if status.card else ""
        if status.stage == "awaiting override" and status.decision and not status.overrides:
            codes = tuple(sorted({v.code for v in status.decision.violations}))
            take = Override(reviewer=EVE, role="risk", card_diff=diff, codes=codes, reason="a random model, on purpose")
            await self._say(lambda: self.client.override(*self.key, take))
        elif status.stage == "awaiting approval" and not status.approvals:
            self._enter("approved")
            yes = Approval(reviewer=BOB, role="owner", card_diff=diff)
            await self._say(lambda: self.client.approve(*self.key, yes))

    async def _say(self, update: Callable[[], Awaitable[PromotionStatus]]) -> None:
        """An answer may get lost after the update was accepted: the second time it is refused, and that is right."""
        lost = 0
        while True:
            try:
                await asyncio.wait_for(update(), 30)
                return
            except (RPCError, TimeoutError):
                lost += 1
                await asyncio.sleep(0.5)
            except PolicyRefused as error:
                if not lost:
                    self.refusals.append(f"{self.name}: {error}")
                return

    def _enter(self, stage: Stage) -> None:
        if stage not in self.began:
            self.stage = stage
            self.began[stage] = time.time()


async def persistently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while Temporal or the control worker is away, or the child is not there yet."""
    while True:
        try:
            return await asyncio.wait_for(ask(), 30)
        except (RPCError, TimeoutError, NotFound, Unavailable):
            await asyncio.sleep(0.5)

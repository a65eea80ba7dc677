"""What the tests of workflows ask for, and how they wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

from temporalio.service import RPCError

from assay.client import AssayClient
from assay.contracts.data import Source
from assay.contracts.errors import NotFound
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import Approval, ApprovalRules
from assay.contracts.rollout import AnalysisRules, CanaryStep, RolloutPlan

versions = count(1)
SOURCE = Source(
    name="calls",
    uri="calls.jsonl",
    system="crm",
    owner="ann",
    licence="Apache-2.0",
    purposes=("train-tenant-model",),
    consent="contract",
    retention_days=30,
    tier="curated",
)
PLAN = RolloutPlan(
    shadow=CanaryStep(percent=20, min_requests=1),
    canary=(CanaryStep(percent=10, min_requests=1), CanaryStep(percent=50, min_requests=1)),
    analysis=AnalysisRules(interval=timedelta(milliseconds=50)),
)


def wanted(**changes: Any) -> LifecycleRequest:
    fields: dict[str, Any] = {
        "tenant": "acme",
        "model": "helpdesk",
        "version": next(versions),
        "base": "acme/base",
        "dataset": "support",
        "sources": (SOURCE,),
        "suite": "suite.jsonl",
        "approval": ApprovalRules(roles_required=("owner",), override_window=timedelta(seconds=20)),
        "rollout": PLAN,
        "requested_by": "ann",
    }
    return LifecycleRequest(**{**fields, **changes})


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                if await ready():
                    return
            except (NotFound, RPCError):
                pass  # the child has not begun
            await asyncio.sleep(0.05)


async def awaiting(client: AssayClient, request: LifecycleRequest, stage: str) -> str:
    async def ready() -> bool:
        return (await client.promotion_status(request.tenant, request.model, request.version)).stage == stage

    await until(ready)
    status = await client.promotion_status(request.tenant, request.model, request.version)
    assert status.card is not None
    return status.card.diff.sha256


async def approve(client: AssayClient, request: LifecycleRequest, reviewer: str = "bob") -> None:
    diff = await awaiting(client, request, "awaiting approval")
    yes = Approval(reviewer=reviewer, role="owner", card_diff=diff)
    await client.approve(request.tenant, request.model, request.version, yes)

"""Temporal says which activities of a withdrawn lineage have begun; a receipt waits for them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowExecutionDescription,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.erasure.under_way import told_by_temporal, under_way
from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import Unavailable
from assay.contracts.evaluation import EvaluationRequest

from .asking import until

REQUEST = EvaluationRequest(
    tenant="acme", model="helpdesk", version=1, suite="suite.jsonl", requested_by="ann@acme.example"
)
WORKING = names.evaluation_id("acme", "helpdesk", 1)


async def test_what_has_begun_is_under_way_until_its_end_is_known(client: AssayClient, house: Any) -> None:
    house.gates["evaluate_arm"] = asyncio.Event()
    handle = await client.start_evaluation(REQUEST)
    nobody = names.training_id("acme", "helpdesk", 1)

    async def asked(before: datetime) -> tuple[str, ...]:
        return await under_way(client.temporal, {WORKING: before, nobody: before})

    async def begun() -> bool:
        return await asked(datetime.now(UTC)) == (f"{WORKING}: evaluate_arm",)

    await until(begun)
    # One that began later under the same id works on something else; clocks may differ by a minute.
    assert await asked(datetime.now(UTC) - timedelta(minutes=5)) == ()
    # As the activity asks, by the client of its worker.
    environment = ActivityEnvironment(client=client.temporal)
    assert await environment.run(told_by_temporal, {WORKING: datetime.now(UTC)}) == (f"{WORKING}: evaluate_arm",)
    house.gates["evaluate_arm"].set()
    await handle.result()
    assert await asked(datetime.now(UTC)) == ()


async def test_who_was_ended_from_outside_may_not_have_heard_of_it_yet(client: AssayClient, house: Any) -> None:
    house.gates["evaluate_arm"] = asyncio.Event()
    handle = await client.start_evaluation(REQUEST)
    await handle.terminate("an operator's word")
    assert await under_way(client.temporal, {WORKING: datetime.now(UTC)}) == (
        f"{WORKING}: ended from outside a moment ago",
    )
    house.gates["evaluate_arm"].set()


class _Down(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # the SDK's name
        return _NoAnswer(next)


class _NoAnswer(OutboundInterceptor):
    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        raise RPCError("the frontend is gone", RPCStatusCode.UNAVAILABLE, b"")


async def test_without_an_answer_nothing_is_known(server: WorkflowEnvironment) -> None:
    config = server.client.config()
    config["interceptors"] = [_Down()]
    with pytest.raises(Unavailable, match="TEMPORAL_UNREACHABLE: Temporal says the frontend is gone"):
        await under_way(Client(**config), {WORKING: datetime.now(UTC)})

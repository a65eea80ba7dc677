"""Start many lifecycles, say yes to each once it waits for that, and look at what they left behind."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecution

from assay.client import AssayClient
from assay.contracts.errors import AssayError
from assay.contracts.lifecycle import LifecycleRequest, LifecycleStatus
from assay.contracts.promotion import Approval

AT_ONCE = 16
"""Starts and approvals under way at a time: what a client's connection takes well."""
LOOK_SECONDS = 0.5


@dataclass
class Ended:
    """How it went: seconds of each lifecycle from its start to its end, and of all of them together."""

    statuses: list[LifecycleStatus]
    seconds: list[float]
    whole: float


async def drive(client: AssayClient, requests: Sequence[LifecycleRequest]) -> Ended:
    """All of them at once."""
    gate, began = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def one(request: LifecycleRequest) -> tuple[LifecycleStatus, float]:
        async with gate:
            started = time.monotonic()
            handle = await client.start_lifecycle(request)
        return await handle.result(), time.monotonic() - started

    approving = asyncio.create_task(approve_all(client))
    try:
        ended = await asyncio.gather(*map(one, requests))
    finally:
        approving.cancel()
        await asyncio.gather(approving, return_exceptions=True)
    return Ended([status for status, _ in ended], [took for _, took in ended], time.monotonic() - began)


async def approve_all(client: AssayClient) -> None:
    """As a reviewer with a long list would, until cancelled."""
    waiting = "WorkflowType = 'Promotion' AND ExecutionStatus = 'Running' AND AssayStage = 'awaiting approval'"
    gate, done = asyncio.Semaphore(AT_ONCE), set[str]()

    async def one(workflow_id: str) -> None:
        _, tenant, model, version = workflow_id.split("/")
        async with gate:
            status = await client.promotion_status(tenant, model, int(version))
            if status.card is None or status.approvals:
                return
            yes = Approval(reviewer="bob@acme.example", role="owner", card_diff=status.card.diff.sha256)
            await client.approve(tenant, model, int(version), yes)

    while True:
        found = [one_of.id async for one_of in client.temporal.list_workflows(waiting) if one_of.id not in done]
        answers = await asyncio.gather(*map(one, found), return_exceptions=True)
        for workflow_id, answer in zip(found, answers, strict=True):
            if answer is None:
                done.add(workflow_id)
            elif not isinstance(answer, AssayError):  # it went on between the look and the word
                raise answer
        await asyncio.sleep(LOOK_SECONDS)


async def left_behind(client: AssayClient) -> list[WorkflowExecution]:
    """Every workflow there was."""
    return [one async for one in client.temporal.list_workflows("")]


@dataclass
class Steps:
    """Seconds by activity, waiting in the queue and running; and the processes that took part, by queue."""

    waited: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ran: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    workers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


async def steps_of(client: AssayClient, workflows: Sequence[WorkflowExecution]) -> Steps:
    """What the histories say."""
    steps, gate = Steps(), asyncio.Semaphore(AT_ONCE)

    async def one(workflow: WorkflowExecution) -> None:
        async with gate:
            handle = client.temporal.get_workflow_handle(workflow.id, run_id=workflow.run_id)
            history = await handle.fetch_history()
        _read(steps, {event.event_id: event for event in history.events})

    await asyncio.gather(*map(one, workflows))
    return steps


def _read(steps: Steps, events: dict[int, HistoryEvent]) -> None:
    for event in events.values():
        if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            continue
        ended = event.activity_task_completed_event_attributes
        scheduled, started = events[ended.scheduled_event_id], events[ended.started_event_id]
        asked = scheduled.activity_task_scheduled_event_attributes
        name = asked.activity_type.name
        steps.waited[name].append(_seconds(scheduled, started))
        steps.ran[name].append(_seconds(started, event))
        steps.workers[asked.task_queue.name].add(started.activity_task_started_event_attributes.identity)


def _seconds(first: HistoryEvent, then: HistoryEvent) -> float:
    return (then.event_time.ToNanoseconds() - first.event_time.ToNanoseconds()) / 1e9

"""What the histories of a lifecycle say: when a route table was confirmed, and whether workflow code ever failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from assay.contracts import names
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.rollout import RoutesPublished
from assay.converter import data_converter

_EXPECTED: Final = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
"""An update came in while the worker answered: the server asks again, and nothing is wrong."""


async def flips(client: Client, key: tuple[str, str, int]) -> list[tuple[float, int]]:
    """(when, revision) of every route table that a rollout had confirmed by all gateways."""
    events = await _events(client, names.rollout_id(*key))
    scheduled = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    }
    found = []
    for event in events:
        if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            continue
        done = event.activity_task_completed_event_attributes
        if scheduled[done.scheduled_event_id] == "publish_routes":
            [published] = await data_converter.decode(done.result.payloads, [RoutesPublished])
            found.append((event.event_time.ToNanoseconds() / 1e9, published.revision))
    return found


async def failed_tasks(client: Client, request: LifecycleRequest) -> list[str]:
    """Workflow tasks that failed in workflow code: an exception, or a replay that went another way."""
    run = (await client.get_workflow_handle(names.lifecycle_id(*_key(request))).describe()).run_id
    return [
        f"{id_}: a workflow task failed: {event.workflow_task_failed_event_attributes.failure.message[:300]}"
        for id_ in ids(request, run)
        for event in await _events(client, id_)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        and event.workflow_task_failed_event_attributes.cause != _EXPECTED
    ]


def ids(request: LifecycleRequest, run: str) -> Iterator[str]:
    """Every workflow that one run of a lifecycle began."""
    key = _key(request)
    yield names.intake_id(request.tenant, request.dataset, request.version)
    yield names.retention_id(request.tenant, request.dataset, request.version)
    yield names.place_id(*key, run)
    yield names.turn_id(request.tenant, request.model)
    for id_ in (
        names.lifecycle_id,
        names.training_id,
        names.evaluation_id,
        names.promotion_id,
        names.rollout_id,
    ):
        yield id_(*key)


def _key(request: LifecycleRequest) -> tuple[str, str, int]:
    return request.tenant, request.model, request.version


async def _events(client: Client, id_: str) -> list[HistoryEvent]:
    return list((await client.get_workflow_handle(id_).fetch_history()).events)

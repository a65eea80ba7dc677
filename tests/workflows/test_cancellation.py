"""Cancelled at any point: nothing half-moved, nothing half-loaded, and the end comes only when all of it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.rollout import RolloutRequest

from .asking import PLAN, approve, until, wanted

EMPTY_PLAN = PLAN.model_copy(update={"shadow": None, "canary": ()})


@pytest.fixture
def stop_in(house: Any) -> Iterator[Any]:
    """Hold an activity where it begins; `stop_in("warm_version")` gives the event that lets it go on."""

    def stop(name: str) -> asyncio.Event:
        house.gates[name] = asyncio.Event()
        event: asyncio.Event = house.gates[name]
        return event

    yield stop
    for event in house.gates.values():
        event.set()


async def started(client: AssayClient, house: Any, request: LifecycleRequest, activity: str) -> Any:
    """A lifecycle that has come to the beginning of an activity."""
    handle = await client.start_lifecycle(request)
    if activity not in ("scan_shard", "train", "evaluate_arm", "decide_review"):
        await approve(client, request)

    async def begun() -> bool:
        return activity in house.begun

    await until(begun)
    return handle


async def cancel(client: AssayClient, handle: WorkflowHandle[Any, Any]) -> None:
    """Cancel a lifecycle and wait until its child knows."""
    await handle.cancel()
    child = (await client.lifecycle_status("acme", "helpdesk", version_of(handle))).child
    assert child is not None

    async def knows() -> bool:
        history = await client.temporal.get_workflow_handle(child).fetch_history()
        return any(e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED for e in history.events)

    await until(knows)


def version_of(handle: WorkflowHandle[Any, Any]) -> int:
    return int(handle.id.rsplit("/", 1)[-1])


async def ended(handle: WorkflowHandle[Any, Any]) -> BaseException | None:
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    return failure.value.cause


@pytest.mark.parametrize(
    "activity", ["scan_shard", "train", "evaluate_arm", "decide_review", "decide_release", "warm_version"]
)
async def test_a_cancelled_step_has_ended_when_the_lifecycle_does(
    client: AssayClient, house: Any, stop_in: Any, activity: str
) -> None:
    go_on = stop_in(activity)
    handle = await started(client, house, wanted(), activity)
    await cancel(client, handle)
    assert (await handle.describe()).close_time is None  # the activity is still at work
    go_on.set()
    assert isinstance(await ended(handle), CancelledError)
    assert house.pointers.get("production") is None
    assert not any(line.startswith("routes") for line in house.diary)


async def test_what_was_loaded_is_unloaded(client: AssayClient, house: Any, stop_in: Any) -> None:
    go_on = stop_in("warm_version")
    handle = await started(client, house, wanted(), "warm_version")
    await cancel(client, handle)
    go_on.set()
    assert isinstance(await ended(handle), CancelledError)
    assert house.diary[-2:] == ["warm", "cool"]


async def test_a_canary_that_is_being_published_is_taken_back_afterwards(
    client: AssayClient, house: Any, stop_in: Any
) -> None:
    go_on = stop_in("publish canary")
    handle = await started(client, house, wanted(), "publish canary")
    await cancel(client, handle)
    go_on.set()
    assert isinstance(await ended(handle), CancelledError)
    assert house.diary[-3:] == ["routes base canary 10 shadow 0", "trial withdrawn", "cool"]


async def test_a_cancellation_after_the_pointer_began_to_move_comes_too_late(
    client: AssayClient, house: Any, stop_in: Any
) -> None:
    go_on = stop_in("move_pointer production")
    handle = await started(client, house, wanted(rollout=EMPTY_PLAN), "move_pointer production")
    await cancel(client, handle)
    go_on.set()
    status = await handle.result()
    assert status.stage == "production"
    assert house.pointers["production"] == status.version
    assert house.diary[-1] == "routes sha256:a canary 0 shadow 0"


async def test_routes_that_are_refused_after_the_pointer_moved_move_it_back(client: AssayClient, house: Any) -> None:
    house.pointers["production"] = "sha256:" + "3" * 64
    house.refused["publish promote"] = "ROUTE_REFUSED"
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    cause = await ended(handle)
    assert isinstance(cause, ApplicationError)
    assert cause.type == "ROUTE_REFUSED"
    assert house.pointers["production"] == "sha256:" + "3" * 64
    assert house.diary[-4:] == ["point production", "trial withdrawn", "point production", "cool"]


async def test_a_rollback_that_is_cancelled_still_opens_its_incident(
    client: AssayClient, house: Any, stop_in: Any
) -> None:
    house.verdicts = ["successful", "failed"]
    go_on = stop_in("publish rollback")
    handle = await started(client, house, wanted(), "publish rollback")
    await cancel(client, handle)
    go_on.set()
    assert isinstance(await ended(handle), CancelledError)
    assert house.diary[-3:] == ["trial withdrawn", "incident opened", "cool"]


async def test_a_rollout_started_again_after_its_end_was_forced_takes_its_canary_back(
    client: AssayClient, house: Any, stop_in: Any
) -> None:
    house.verdicts = ["successful"] + ["inconclusive"] * 1000
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)

    async def in_canary() -> bool:
        return (await client.rollout_status("acme", "helpdesk", request.version)).stage == "canary"

    await until(in_canary)
    await client.temporal.get_workflow_handle(names.rollout_id("acme", "helpdesk", request.version)).terminate()
    await ended(handle)
    assert "trial withdrawn" not in house.diary
    house.refused["warm_version"] = "ADAPTER_TAMPERED"
    again = RolloutRequest(tenant="acme", model="helpdesk", version=request.version, plan=PLAN, requested_by="ann")
    assert isinstance(await ended(await client.start_rollout(again)), ApplicationError)
    assert house.diary[-2:] == ["trial withdrawn", "cool"]


async def test_a_first_rollout_that_cannot_be_loaded_makes_no_route(client: AssayClient, house: Any) -> None:
    house.refused["warm_version"] = "SIGNATURE_INVALID"
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    cause = await ended(handle)
    assert isinstance(cause, ApplicationError)
    assert cause.type == "SIGNATURE_INVALID"
    assert not any(line.startswith("routes") for line in house.diary)

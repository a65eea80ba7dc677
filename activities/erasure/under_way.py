"""Who still works on what is withdrawn.

Whoever stores weights or answers looks afterwards whether they may stay; one that is killed in between leaves them.
Nothing is certain to be gone before Temporal knows what became of each activity that had begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from assay.contracts.errors import Unavailable

UnderWay = Callable[[Mapping[str, datetime]], Awaitable[tuple[str, ...]]]
"""Of workflows, by id, that began before the time beside it: their activities that are under way."""
_BEGUN: Final = frozenset(
    (
        PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
        PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED,
    )
)
"""An attempt runs, or its worker died and its time is not up yet. One that has not begun is refused when it begins."""
_CUT_OFF: Final = (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT)
"""Did not wait for their activities, which hear of it with their next heartbeat."""
_AT_ONCE: Final = 16
_SKEW: Final = timedelta(minutes=1)
"""Between the clocks of Temporal and of who withdraws."""
_UNHEARD: Final = timedelta(seconds=30) + _SKEW
"""The longest heartbeat timeout of what stores something (`workflows/common.py`)."""


async def told_by_temporal(workflows: Mapping[str, datetime]) -> tuple[str, ...]:
    """`UnderWay` by the client of the activity that asks."""
    return await under_way(activity.client(), workflows)


async def under_way(client: Client, workflows: Mapping[str, datetime]) -> tuple[str, ...]:
    """`UnderWay` by this client; a workflow under the same id that began later works on something else.

    Raises Unavailable (`TEMPORAL_UNREACHABLE`).
    """
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def of(id_: str, before: datetime) -> list[str]:
        async with at_once:
            return await _begun(client, id_, before)

    found = await asyncio.gather(*(of(id_, before) for id_, before in workflows.items()))
    return tuple(sorted(name for names in found for name in names))


async def _begun(client: Client, id_: str, before: datetime) -> list[str]:
    try:
        known = await client.get_workflow_handle(id_).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []
        raise Unavailable(
            "TEMPORAL_UNREACHABLE", f"Temporal says {error.message}", "none: it is asked again"
        ) from error
    if known.start_time >= before + _SKEW:
        return []
    if known.status in _CUT_OFF and known.close_time and datetime.now(UTC) < known.close_time + _UNHEARD:
        return [f"{id_}: ended from outside a moment ago"]
    if known.status is not WorkflowExecutionStatus.RUNNING:
        return []
    pending = known.raw_description.pending_activities
    return [f"{id_}: {one.activity_type.name}" for one in pending if one.state in _BEGUN]

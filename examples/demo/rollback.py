"""What a rollback cost, from the outside: workflow history on one side, what the users saw on the other."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from assay.contracts.rollout import RolloutStatus
from examples.demo.traffic import Seen


async def decision_time(handle: WorkflowHandle[Any, Any]) -> float:
    """Epoch seconds at which the last analysis of this rollout (the one that failed) was recorded."""
    scheduled: dict[int, str] = {}
    decided = 0.0
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            started = event.activity_task_completed_event_attributes.scheduled_event_id
            if scheduled.get(started) == "analyse_canary":
                decided = event.event_time.ToMicroseconds() / 1e6
    return decided


def measure(decided: float, status: RolloutStatus, bad: str, seen: list[Seen]) -> dict[str, Any]:
    """The rollback in figures.

    decision_to_first_token_ms: from the recorded verdict to the first token that the previous version gave under the
    new route revision. wrong_arm_requests_after_flip: requests routed by that revision, or a later one, to the bad arm.
    """
    assert status.rollback is not None
    flipped = status.rollback.revision
    after = [one for one in seen if one.revision >= flipped]
    firsts = [one.first_token for one in after if one.first_token is not None and one.adapter != bad]
    canary = next((o for o in status.analysis.observations if o.arm == "canary"), None) if status.analysis else None
    return {
        "detected_after_requests": canary.requests if canary else None,
        "bad_answers": canary.bad if canary else None,
        "decision_to_first_token_ms": round((min(firsts) - decided) * 1000, 1) if firsts else None,
        "flip_ms": round(status.rollback.flip_milliseconds, 2),
        "requests_after_flip": len(after),
        "wrong_arm_requests_after_flip": sum(one.adapter == bad for one in after),
        "reason": status.analysis.reason if status.analysis else "",
    }

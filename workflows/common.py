"""What every workflow shares: activity options, cancellation that leaves nothing half done, how a failure reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final, TypedDict, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ActivityCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts.names import (
        CAUSE,
        CONTROL_QUEUE,
        DATA_QUEUE,
        DATASET,
        DIGEST,
        MODEL,
        SERVING_QUEUE,
        STAGE,
        TENANT,
        TRAINING_QUEUE,
    )
    from assay.contracts.policy import Decision


T = TypeVar("T")
STAGE_DURATION: Final = "assay_stage_duration"
"""Metric of how long workflows stood in a stage; its exporter adds the unit."""


class ActivityOptions(TypedDict):
    """Keyword arguments of `workflow.execute_activity`."""

    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


# Typed errors say themselves whether trying again helps (a worker interceptor marks the others non-retryable), so no
# policy limits attempts: a control plane that is away for an hour must not turn into a refusal.
_PATIENT: Final = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10))


def _options(queue: str, at_most: timedelta, heartbeat: timedelta) -> ActivityOptions:
    return ActivityOptions(
        task_queue=queue,
        start_to_close_timeout=at_most,
        heartbeat_timeout=heartbeat,
        retry_policy=_PATIENT,
        # The default would let a workflow go on while the activity still does what is being undone.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


# A killed worker is noticed when its heartbeats stop, which the workers send for every activity (`workers/beats.py`).
_ALIVE: Final = timedelta(seconds=30)
CONTROL: Final = _options(CONTROL_QUEUE, timedelta(minutes=2), _ALIVE)
DATA: Final = _options(DATA_QUEUE, timedelta(hours=6), _ALIVE)
TRAINING: Final = _options(TRAINING_QUEUE, timedelta(days=14), timedelta(seconds=15))
SERVING: Final = _options(SERVING_QUEUE, timedelta(minutes=5), _ALIVE)
EVALUATION: Final = _options(SERVING_QUEUE, timedelta(hours=2), _ALIVE)


async def settled(work: Coroutine[Any, Any, T], *, hand_on: bool = True, late_result: bool = False) -> T:
    """Await work that may be cancelled, and raise the cancellation only when it has ended.

    hand_on: the work itself is cancelled too. late_result: when it ended well all the same, that counts and nothing is
    raised. (The SDK alone swallows the cancellation of an activity that ended well.)
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if hand_on:
            task.cancel()
        await workflow.wait([task])
        if late_result and not task.cancelled() and task.exception() is None:
            return task.result()
        raise


async def committed(work: Coroutine[Any, Any, T]) -> T:
    """Await work that must not stop half-way: a cancellation that comes meanwhile comes too late."""
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue
    return task.result()


async def each_of(works: Sequence[Callable[[], Coroutine[Any, Any, T]]], at_once: int) -> list[T]:
    """Do all of it, so much at once; the results in order. When one fails or all are cancelled, the others are too,
    and what it raised is raised when all have ended."""
    room = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with room:
            return await work()

    tasks = [asyncio.create_task(one(work)) for work in works]
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await workflow.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None and not is_cancelled_exception(error):
            raise error
    return [task.result() for task in tasks]


def given(request: T | None) -> T:
    """The input. A workflow that was started without one fails, where a missing argument would be retried for ever."""
    if request is None:
        raise ApplicationError("give the request as one JSON document", type="INPUT_MISSING", non_retryable=True)
    return request


def stand(
    stage: str,
    details: str = "",
    *,
    tenant: str | None = None,
    model: str | None = None,
    dataset: str | None = None,
    digest: str | None = None,
    cause: str | None = None,
) -> None:
    """Show in the UI, in search and in the metrics where this workflow stands."""
    _clock(stage)
    workflow.set_current_details(f"**{stage}** {details}".strip())
    values = ((TENANT, tenant), (MODEL, model), (STAGE, stage), (DATASET, dataset), (DIGEST, digest), (CAUSE, cause))
    workflow.upsert_search_attributes([key.value_set(value) for key, value in values if value is not None])


def _clock(stage: str) -> None:
    """Record how long the stage before took. Kept on the workflow itself: a new run begins a new clock.

    Nothing here is a command, so histories replay as before; the SDK's meter is silent while they do.
    """
    life, now = workflow.instance(), workflow.now()
    before, since = getattr(life, "_stage_clock", (stage, now))
    if before != stage:
        workflow.metric_meter().create_histogram_timedelta(
            STAGE_DURATION, "Time that workflows stood in a stage", "duration"
        ).record(now - since, {"stage": before})
        since = now
    vars(life)["_stage_clock"] = (stage, since)


def reason_of(error: BaseException) -> str:
    """The innermost typed sentence of a failed activity or child: `CODE: sentence`."""
    error = _innermost(error)
    if isinstance(error, ApplicationError) and error.type and not error.message.startswith(error.type):
        return f"{error.type}: {error.message}"
    return error.message if isinstance(error, FailureError) else str(error)


def failure(error: BaseException) -> ApplicationError:
    """Fail this workflow with the typed reason of what failed beneath it."""
    cause = _innermost(error)
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return ApplicationError(reason_of(error), *details, type=code_of(error), non_retryable=True)


def code_of(error: BaseException) -> str:
    """The stable code of a failed activity or child."""
    cause = _innermost(error)
    return cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, (ActivityError, ChildWorkflowError)) and error.cause is not None:
        error = error.cause
    return error


def refuse_forged(resumed: bool) -> None:
    """Only a run before this one may say where to go on; a caller who does would skip shadow and canary.

    A cron schedule and a retry policy give a run one before it, too, with what the caller said as its input.
    """
    info = workflow.info()
    if resumed and (not info.continued_run_id or info.cron_schedule or info.retry_policy):
        raise ApplicationError(
            "`resume` is set by the workflow itself: leave it out", type="RESUME_FORGED", non_retryable=True
        )


def refuse_if(problem: str | None) -> None:
    """In an update validator: send the problem back to the caller, before anything is written to the history."""
    if problem:
        raise ApplicationError(problem, type="UPDATE_REFUSED", non_retryable=True)


def reasons_of(decision: Decision) -> tuple[str, ...]:
    """`CODE: sentence` of each violation, for a status."""
    return tuple(f"{v.code}: {v.msg}" for v in decision.violations)


def refused(decision: Decision) -> ApplicationError:
    """What an update raises when its gate says no; also a gate of somebody's own bundle that does not say why."""
    if not decision.violations:
        said = f"the gate {decision.gate} said no, and no reason (decision {decision.decision_id})"
        remedy = {"remedy": "ask whoever wrote its rules; each no has to name a violation"}
        return ApplicationError(said, remedy, type="POLICY_REFUSED", non_retryable=True)
    first = decision.violations[0]
    return ApplicationError(
        "; ".join(reasons_of(decision)), {"remedy": first.remedy}, type=first.code, non_retryable=True
    )


async def begin_or_tell(kind: str, request: object, id_: str, signal: str, *said: object) -> None:
    """Begin a workflow that outlives this one, or send a signal to the one of that id that runs."""
    while True:
        try:
            await workflow.start_child_workflow(kind, request, id=id_, parent_close_policy=ParentClosePolicy.ABANDON)
            return
        except WorkflowAlreadyStartedError:
            pass
        try:
            await workflow.get_external_workflow_handle(id_).signal(signal, args=said)
            return
        except FailureError:
            continue  # it ended in between: begin anew

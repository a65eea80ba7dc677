"""What every workflow shares: activity options by kind of work, where it stands for the UI, how a failure reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from assay.contracts.names import (
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


class ActivityOptions(TypedDict):
    """Keyword arguments of `workflow.execute_activity`."""

    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy


# Typed errors say themselves whether trying again helps (a worker interceptor marks the others non-retryable), so no
# policy limits attempts: a control plane that is away for an hour must not turn into a refusal.
_PATIENT: Final = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10))


def _options(queue: str, at_most: timedelta, heartbeat: timedelta | None = None) -> ActivityOptions:
    return ActivityOptions(
        task_queue=queue, start_to_close_timeout=at_most, heartbeat_timeout=heartbeat, retry_policy=_PATIENT
    )


CONTROL: Final = _options(CONTROL_QUEUE, timedelta(minutes=2))
DATA: Final = _options(DATA_QUEUE, timedelta(hours=6), timedelta(minutes=1))
# A killed training worker is noticed when its heartbeat stops.
TRAINING: Final = _options(TRAINING_QUEUE, timedelta(days=14), timedelta(seconds=15))
SERVING: Final = _options(SERVING_QUEUE, timedelta(minutes=5))
EVALUATION: Final = _options(SERVING_QUEUE, timedelta(hours=2), timedelta(minutes=2))


def stand(
    stage: str,
    details: str = "",
    *,
    tenant: str | None = None,
    model: str | None = None,
    dataset: str | None = None,
    digest: str | None = None,
) -> None:
    """Show in the UI and in search where this workflow stands."""
    workflow.set_current_details(f"**{stage}** {details}".strip())
    values = ((TENANT, tenant), (MODEL, model), (STAGE, stage), (DATASET, dataset), (DIGEST, digest))
    workflow.upsert_search_attributes([key.value_set(value) for key, value in values if value is not None])


def reason_of(error: BaseException) -> str:
    """The innermost typed sentence of a failed activity or child: `CODE: sentence`."""
    while isinstance(error, (ActivityError, ChildWorkflowError)) and error.cause is not None:
        error = error.cause
    if isinstance(error, ApplicationError) and error.type and not error.message.startswith(error.type):
        return f"{error.type}: {error.message}"
    return error.message if isinstance(error, FailureError) else str(error)


def failure(error: BaseException) -> ApplicationError:
    """Fail this workflow with the typed reason of what failed beneath it."""
    cause: BaseException | None = error
    while isinstance(cause, (ActivityError, ChildWorkflowError)) and cause.cause is not None:
        cause = cause.cause
    code = cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return ApplicationError(reason_of(error), *details, type=code, non_retryable=True)


def refuse_if(problem: str | None) -> None:
    """In an update validator: send the problem back to the caller, before anything is written to the history."""
    if problem:
        raise ApplicationError(problem, type="UPDATE_REFUSED", non_retryable=True)

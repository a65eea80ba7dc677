"""Trainings that an erasure planned are started, and outlive it."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.erasure import Retraining, read_training_request
    from assay.contracts.training import TrainingRequest
    from workflows.common import CONTROL, settled


async def retrain(planned: Sequence[Retraining]) -> tuple[Retraining, ...]:
    """Start what is planned; with the numbers under which it trains."""
    started = []
    for one in planned:
        request = await settled(
            workflow.execute_activity(read_training_request, one, **CONTROL, summary="read the request")
        )
        started.append(one.model_copy(update={"version": await _train(request)}))
    return tuple(started)


async def _train(request: TrainingRequest) -> int:
    """Under the planned number, or the next one at which nobody is: another order, or one that still stops."""
    while True:
        id_ = names.training_id(request.tenant, request.model, request.version)
        try:
            await workflow.start_child_workflow(
                "Training", request, id=id_, parent_close_policy=ParentClosePolicy.ABANDON
            )
        except WorkflowAlreadyStartedError:
            request = request.model_copy(update={"version": request.version + 1})
        else:
            return request.version

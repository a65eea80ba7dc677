"""What an intake begins and does not wait for: people look at rows that were set aside, and a clock keeps the rest."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.data import Dataset, IntakeRequest
    from assay.contracts.retention import RetentionRequest
    from assay.contracts.review import ReviewRequest


async def begin_review(request: IntakeRequest) -> None:
    """Begin the review of a dataset, or tell the one that runs that rows have arrived."""
    id_ = names.data_review_id(request.tenant, request.dataset)
    review = ReviewRequest(tenant=request.tenant, dataset=request.dataset, requested_by=request.requested_by)
    while True:
        try:
            # Not ended with the intake: people answer later, and the next intake takes what they let in.
            await workflow.start_child_workflow(
                "DataReview", review, id=id_, parent_close_policy=ParentClosePolicy.ABANDON
            )
            return
        except WorkflowAlreadyStartedError:
            pass
        try:
            await workflow.get_external_workflow_handle(id_).signal("rows_arrived")
            return
        except FailureError:
            continue  # it ended in between: begin anew


async def begin_retention(request: IntakeRequest, dataset: Dataset) -> None:
    """Begin the clock of a version that was sealed, or tell the one that runs: it plans over all seals anew."""
    retention = RetentionRequest(
        tenant=request.tenant,
        dataset=request.dataset,
        version=request.version,
        id=dataset.id,
        requested_by=request.requested_by,
    )
    id_ = names.retention_id(request.tenant, request.dataset, request.version)
    while True:
        try:
            await workflow.start_child_workflow(
                "Retention", retention, id=id_, parent_close_policy=ParentClosePolicy.ABANDON
            )
            return
        except WorkflowAlreadyStartedError:
            pass
        try:
            await workflow.get_external_workflow_handle(id_).signal("look_again")
            return
        except FailureError:
            continue  # it ended in between: begin anew

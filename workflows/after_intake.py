"""What an intake begins and does not wait for: people look at rows that were set aside, and a clock keeps the rest."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.data import Dataset, IntakeRequest
    from assay.contracts.retention import RetentionRequest
    from assay.contracts.review import ReviewRequest
    from workflows.common import begin_or_tell


async def begin_review(request: IntakeRequest) -> None:
    """Begin the review of a dataset, or tell the one that runs that rows have arrived.

    It does not end with the intake: people answer later, and the next intake takes what they let in.
    """
    review = ReviewRequest(tenant=request.tenant, dataset=request.dataset, requested_by=request.requested_by)
    id_ = names.data_review_id(request.tenant, request.dataset)
    await begin_or_tell("DataReview", review, id_, "rows_arrived")


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
    await begin_or_tell("Retention", retention, id_, "look_again")

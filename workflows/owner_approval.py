"""What an intake does before it reads a byte of a source whose owner must approve its use."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.approval import ApprovalQuery, OwnerAnswer, OwnerRequest, Waiter, find_approval
    from assay.contracts.data import IntakeRequest, Source
    from workflows.common import CONTROL, begin_or_tell, settled, stand


async def owner_approves(request: IntakeRequest, source: Source) -> None:
    """Return at once when an approval is in force, else wait for the owner's.

    Raises ApplicationError (`OWNER_REJECTED`, `OWNER_SILENT`).
    """
    if source.approval == "none":
        return
    # A standing approval is for all intakes of the source, one that is required for this intake alone.
    intake = "" if source.approval == "standing" else f"{request.dataset}/{request.version}"
    query = ApprovalQuery(tenant=request.tenant, source=source, purpose=request.purpose, intake=intake)
    answers: list[OwnerAnswer] = []

    def hear(answer: OwnerAnswer) -> None:
        if answer.terms == query.terms:
            answers.append(answer)

    workflow.set_signal_handler("owner_answered", hear)
    while not await _in_force(query):
        stand("awaiting owner", f"{source.owner}: {source.name} for {request.purpose}")
        await _ask(request, query)
        await workflow.wait_condition(lambda: bool(answers))
        answer = answers.pop()
        if not answer.approved:
            code, _, sentence = (answer.reasons or ("OWNER_SILENT: the owner has not answered",))[0].partition(": ")
            raise ApplicationError(sentence, type=code, non_retryable=True)


async def _in_force(query: ApprovalQuery) -> bool:
    standing = await settled(
        workflow.execute_activity(find_approval, query, **CONTROL, summary=f"approval of {query.source.name}")
    )
    return standing.statement is not None


async def _ask(request: IntakeRequest, query: ApprovalQuery) -> None:
    """Begin the question, or join the intakes that wait for the same answer."""
    info = workflow.info()
    waiter = Waiter(workflow=info.workflow_id, run=info.run_id)
    id_ = names.data_approval_id(query.tenant, query.source.name, query.purpose, query.intake)
    question = OwnerRequest(
        query=query, dataset=request.dataset, version=request.version, waiter=waiter, requested_by=request.requested_by
    )
    # Not ended with the intake: the owner may answer later, and the next intake finds it.
    await begin_or_tell("DataApproval", question, id_, "wait", waiter)

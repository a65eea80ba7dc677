"""A durable timer for one sealed dataset: what has expired is removed, with the same cascade as an erasure."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts.erasure import ErasureRequest, ErasureStatus
    from assay.contracts.retention import (
        HoldsOn,
        Keeping,
        RetentionNote,
        RetentionPlan,
        RetentionRequest,
        RetentionStatus,
        SourceTerm,
        note_retention,
        plan_retention,
        read_retention_holds,
    )
    from workflows.common import CONTROL, failure, given, reason_of, settled, stand


@workflow.defn(name="Retention", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Retention:
    """Sleeps until rows of a source expire, has them erased, and goes on until nothing of the dataset is left."""

    @workflow.init
    def __init__(self, request: RetentionRequest | None = None) -> None:
        self._asked = request
        self._status = RetentionStatus()
        self._look = False

    @workflow.run
    async def run(self, request: RetentionRequest | None = None) -> RetentionStatus:  # noqa: ARG002  # __init__ keeps it
        stand("keeping", tenant=self._request.tenant, dataset=self._request.dataset)
        try:
            while (term := await self._next()) is not None:
                await self._until(term)
                await self._remove(term)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        self._set(stage="removed")
        return self._status

    @workflow.query
    def status(self) -> RetentionStatus:
        """Until when rows are kept, and what stops their removal."""
        return self._status

    @workflow.signal
    def look_again(self) -> None:
        """A hold was lifted, or the gate would say otherwise now: do not wait for the next look."""
        self._look = True

    @property
    def _request(self) -> RetentionRequest:
        return given(self._asked)

    async def _next(self) -> SourceTerm | None:
        """The term that ends first, of those whose rows are still there."""
        plan = await self._plan()
        self._set(stage="keeping")
        return next((term for term in plan.sources if term.state != "removed"), None)

    async def _plan(self) -> RetentionPlan:
        """Read anew each time: an erasure may have sealed the dataset again without somebody's rows."""
        plan: RetentionPlan = await settled(
            workflow.execute_activity(plan_retention, self._request, **CONTROL, summary="read when rows expire")
        )
        self._set(plan=plan)
        return plan

    async def _until(self, term: SourceTerm) -> None:
        left = term.expires_at - workflow.now()
        if left > timedelta(0):
            await workflow.sleep(left, summary=f"rows of {term.source} are kept")

    async def _remove(self, term: SourceTerm) -> None:
        """One try. What is refused or fails stays on record with its reason and is tried again later."""
        plan = await self._plan()
        child = f"{workflow.info().workflow_id}/{term.source}"
        order = ErasureRequest(
            tenant=self._request.tenant,
            ground="retention",
            dataset=plan.current,
            source=term.source,
            suppress=False,
            role="owner",
            requested_by=self._request.requested_by,
        )
        self._set(stage="removing", child=child)
        try:
            erasure = await workflow.start_child_workflow(
                "Erasure",
                order,
                id=child,
                result_type=ErasureStatus,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"rows of {term.source} have expired",
            )
            ended = await self._followed(erasure, plan, term)
        except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
            if is_cancelled_exception(error):
                raise
            await self._try_later((reason_of(error),))
            return
        if ended.stage == "erased":
            await self._note(term, "removed")
            self._set(reasons=(), holds=())
        else:
            await self._try_later(ended.reasons)

    async def _followed(
        self, erasure: workflow.ChildWorkflowHandle[object, ErasureStatus], plan: RetentionPlan, term: SourceTerm
    ) -> ErasureStatus:
        """Wait for the removal, and say so while a legal hold stops it."""
        while not erasure.done():
            await self._say_holds(plan, term)
            self._look = False
            try:
                await workflow.wait_condition(
                    lambda: erasure.done() or self._look,
                    timeout=self._request.look_again,
                    timeout_summary="look for legal holds",
                )
            except TimeoutError:
                continue
        return await erasure

    async def _say_holds(self, plan: RetentionPlan, term: SourceTerm) -> None:
        found: HoldsOn = await settled(
            workflow.execute_activity(
                read_retention_holds,
                args=[self._request.tenant, plan.current, term.source],
                **CONTROL,
                summary="look for legal holds",
            )
        )
        held = bool(found.holds)
        await self._note(term, "held" if held else "kept")
        reasons = ("RETENTION_HELD: a legal hold stops the removal of rows that have expired",) if held else ()
        self._set(stage="held" if held else "removing", holds=found.holds, reasons=reasons)

    async def _note(self, term: SourceTerm, state: Keeping) -> None:
        assert self._status.plan is not None
        note = RetentionNote(origin=self._status.plan.origin, source=term.source, state=state)
        await settled(workflow.execute_activity(note_retention, note, **CONTROL, summary=f"rows are {state}"))

    async def _try_later(self, reasons: tuple[str, ...]) -> None:
        self._set(stage="held", reasons=reasons)
        self._look = False
        try:
            await workflow.wait_condition(
                lambda: self._look, timeout=self._request.look_again, timeout_summary="try the removal again"
            )
        except TimeoutError:
            return

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        stand(self._status.stage, "; ".join(self._status.reasons))

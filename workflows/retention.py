"""A durable timer for one sealed dataset: what has expired is removed, with the same cascade as an erasure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

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

Key = tuple[str, str]
"""Origin and source of a term."""
Erasing = workflow.ChildWorkflowHandle[object, ErasureStatus]
HELD: Final = "RETENTION_HELD: a legal hold stops the removal of rows that have expired"


@workflow.defn(name="Retention", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Retention:
    """Sleeps until rows of a source expire, has them erased, and goes on until nothing of the dataset is left."""

    @workflow.init
    def __init__(self, request: RetentionRequest | None = None) -> None:
        self._asked = request
        self._status = RetentionStatus()
        self._look = False
        self._running: dict[str, tuple[RetentionPlan, SourceTerm, Erasing]] = {}
        self._again: dict[Key, tuple[datetime, tuple[str, ...]]] = {}

    @workflow.run
    async def run(self, request: RetentionRequest | None = None) -> RetentionStatus:  # noqa: ARG002  # __init__ keeps it
        stand("keeping", tenant=self._request.tenant, dataset=self._request.dataset)
        try:
            await self._rounds()
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
        """A hold was lifted, the gate would say otherwise now, or the version was sealed again: look at once."""
        self._look = True

    @property
    def _request(self) -> RetentionRequest:
        return given(self._asked)

    async def _rounds(self) -> None:
        """Begin the removal of all that is due, over all seals of the version; what is stopped stops nothing else.

        Of one seal and what was sealed in its place one removal at a time: each makes the dataset that the next is of.
        """
        while True:
            self._look = False
            plan = await self._plan()
            left = [(one, term) for one in (plan, *plan.others) for term in one.sources if term.state != "removed"]
            if left:
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(self._request)
                await self._begin_due(left)
                await self._say_where()
                await self._next_look([term for _, term in left])
                await self._take_ends()
            elif not self._look:
                return

    async def _begin_due(self, left: list[tuple[RetentionPlan, SourceTerm]]) -> None:
        now = workflow.now()
        for plan, term in left:
            again, _ = self._again.get((plan.origin, term.source), (now, ()))
            if plan.origin in self._running or term.expires_at > now or again > now:
                continue
            try:
                self._running[plan.origin] = (plan, term, await self._begin(plan, term))
            except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
                if is_cancelled_exception(error):
                    raise
                await self._note(plan, term, "held" if await self._holds_on(plan, term) else "kept")
                self._try_again(plan, term, (reason_of(error),))

    async def _begin(self, plan: RetentionPlan, term: SourceTerm) -> Erasing:
        assert self._status.plan is not None
        others = () if plan.origin == self._status.plan.origin else (plan.origin.removeprefix("sha256:")[:12],)
        child = "/".join((workflow.info().workflow_id, term.source, *others))
        self._set(stage="removing", child=child)
        return await workflow.start_child_workflow(
            "Erasure",
            self._order(plan, term),
            id=child,
            result_type=ErasureStatus,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=f"rows of {term.source} have expired",
        )

    async def _say_where(self) -> None:
        """Which removals run, and which of them legal holds stop."""
        holds: dict[str, None] = {}
        for plan, term, erasure in self._running.values():
            if not erasure.done():
                found = await self._holds_on(plan, term)
                await self._note(plan, term, "held" if found else "kept")
                holds |= dict.fromkeys(found)
        reasons = tuple(dict.fromkeys(one for _, said in self._again.values() for one in said))
        stage = "held" if holds or reasons else "removing" if self._running else "keeping"
        self._set(stage=stage, holds=tuple(holds), reasons=((HELD,) if holds else ()) + reasons)

    async def _next_look(self, left: list[SourceTerm]) -> None:
        """Until something is due, has ended, may be tried again, or somebody says so."""
        now = workflow.now()
        moments = [term.expires_at for term in left if term.expires_at > now]
        moments += [at for at, _ in self._again.values() if at > now]
        moments += [now + self._request.look_again] if self._running else []
        try:
            await workflow.wait_condition(
                lambda: self._look or any(erasure.done() for _, _, erasure in self._running.values()),
                timeout=min(moments, default=now) - now,
                timeout_summary="rows are kept" if not self._running else "look for legal holds",
            )
        except TimeoutError:
            return
        if self._look:
            self._again.clear()

    async def _take_ends(self) -> None:
        """What was refused or fails stays on record with its reason, and is tried again after the others."""
        for origin, (plan, term, erasure) in list(self._running.items()):
            if not erasure.done():
                continue
            del self._running[origin]
            try:
                ended = await erasure
            except ChildWorkflowError as error:
                self._try_again(plan, term, (reason_of(error),))
                continue
            if ended.stage == "erased":
                await self._note(plan, term, "removed")
            else:
                self._try_again(plan, term, ended.reasons)

    def _try_again(self, plan: RetentionPlan, term: SourceTerm, reasons: tuple[str, ...]) -> None:
        self._again[plan.origin, term.source] = (workflow.now() + self._request.look_again, reasons)

    async def _plan(self) -> RetentionPlan:
        """Read anew each time: an erasure may have sealed the dataset again without somebody's rows."""
        plan: RetentionPlan = await settled(
            workflow.execute_activity(plan_retention, self._request, **CONTROL, summary="read when rows expire")
        )
        self._set(plan=plan)
        return plan

    def _order(self, plan: RetentionPlan, term: SourceTerm) -> ErasureRequest:
        return ErasureRequest(
            tenant=self._request.tenant,
            ground="retention",
            dataset=plan.current,
            source=term.source,
            suppress=False,
            role="owner",
            requested_by=self._request.requested_by,
        )

    async def _holds_on(self, plan: RetentionPlan, term: SourceTerm) -> tuple[str, ...]:
        found: HoldsOn = await settled(
            workflow.execute_activity(
                read_retention_holds,
                args=[self._request.tenant, plan.current, term.source],
                **CONTROL,
                summary="look for legal holds",
            )
        )
        return found.holds

    async def _note(self, plan: RetentionPlan, term: SourceTerm, state: Keeping) -> None:
        note = RetentionNote(origin=plan.origin, source=term.source, state=state)
        await settled(workflow.execute_activity(note_retention, note, **CONTROL, summary=f"rows are {state}"))

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        stand(self._status.stage, "; ".join(self._status.reasons))

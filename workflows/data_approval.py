"""The owner of a source is asked for its use, and answers by update."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from assay.contracts.approval import (
        ApprovalCase,
        OwnerAnswer,
        OwnerApproval,
        OwnerRejection,
        OwnerReminder,
        OwnerRequest,
        OwnerStatus,
        Waiter,
        attest_approval,
        decide_approval,
        remind_owner,
    )
    from assay.contracts.base import Digest, principal
    from workflows.common import CONTROL, failure, given, refuse_if, refused, settled, stand


@workflow.defn(name="DataApproval", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class DataApproval:
    """One question to one owner. At the deadline silence is a no; whoever needs a yes then asks again."""

    @workflow.init
    def __init__(self, request: OwnerRequest | None = None) -> None:
        self._asked = request
        self._status = OwnerStatus()
        self._waiters: list[Waiter] = [request.waiter] if request and request.waiter else []
        self._one_by_one = asyncio.Lock()

    @workflow.run
    async def run(self, request: OwnerRequest | None = None) -> OwnerStatus:  # noqa: ARG002  # __init__ keeps it
        query = self._request.query
        deadline = workflow.now() + self._request.deadline
        stand("awaiting owner", f"{query.source.owner}: {query.source.name} for {query.purpose}", tenant=query.tenant)
        self._set(source=query.source, purpose=query.purpose, terms=query.terms, deadline=deadline)
        while self._status.stage == "awaiting owner" and workflow.now() < deadline:
            await self._wait(deadline)
        if self._status.stage == "awaiting owner":
            self._set(stage="expired", reasons=("OWNER_SILENT: the deadline passed without the owner's answer",))
        await workflow.wait_condition(workflow.all_handlers_finished)
        # Those who came while others were told are told too.
        while self._waiters:
            await self._tell(self._waiters.pop(0))
        return self._status

    @workflow.query
    def status(self) -> OwnerStatus:
        """What is asked for; `terms` is the digest of the source's terms, which the answer must name."""
        return self._status

    @workflow.update
    async def approve(self, approval: OwnerApproval) -> OwnerStatus:
        """Say yes to these terms, for a scope and until a day."""
        async with self._one_by_one:
            if self._status.stage == "awaiting owner":
                try:
                    await self._approved(approval)
                except ActivityError as error:
                    raise failure(error) from error
        return self._status

    @approve.validator
    def _may_approve(self, approval: OwnerApproval) -> None:
        refuse_if(self._objection(approval.owner, approval.terms))

    @workflow.update
    async def reject(self, rejection: OwnerRejection) -> OwnerStatus:
        """Say no; ends the question."""
        async with self._one_by_one:
            if self._status.stage == "awaiting owner":
                self._set(stage="rejected", reasons=(f"OWNER_REJECTED: {rejection.reason}",))
        return self._status

    @reject.validator
    def _may_reject(self, rejection: OwnerRejection) -> None:
        refuse_if(self._objection(rejection.owner, rejection.terms))

    @workflow.signal
    def wait(self, waiter: Waiter) -> None:
        """Another intake waits for the same answer."""
        if waiter not in self._waiters:
            self._waiters.append(waiter)

    @property
    def _request(self) -> OwnerRequest:
        return given(self._asked)

    async def _wait(self, deadline: datetime) -> None:
        left = max(min(deadline - workflow.now(), self._request.remind_every), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: self._status.stage != "awaiting owner", timeout=left, timeout_summary="next reminder"
            )
        except TimeoutError:
            if workflow.now() < deadline:
                await self._remind(deadline)

    async def _remind(self, deadline: datetime) -> None:
        self._set(reminders=self._status.reminders + 1)
        reminder = OwnerReminder(
            tenant=self._request.query.tenant,
            source=self._request.query.source.name,
            deadline=deadline,
            number=self._status.reminders,
        )
        await settled(workflow.execute_activity(remind_owner, reminder, **CONTROL, summary="remind the owner"))

    async def _approved(self, approval: OwnerApproval) -> None:
        case = ApprovalCase(request=self._request, approval=approval)
        decision = await workflow.execute_activity(decide_approval, case, **CONTROL, summary="ask the approval gate")
        if not decision.allow:
            raise refused(decision)
        statement = await workflow.execute_activity(
            attest_approval, args=[case, decision], **CONTROL, summary="sign the approval"
        )
        self._set(stage="approved", statement=statement)

    async def _tell(self, waiter: Waiter) -> None:
        answer = OwnerAnswer(
            terms=self._request.query.terms, approved=self._status.stage == "approved", reasons=self._status.reasons
        )
        handle = workflow.get_external_workflow_handle(waiter.workflow, run_id=waiter.run)
        with suppress(FailureError):  # it has ended
            await handle.signal("owner_answered", answer)

    def _objection(self, owner: str, terms: Digest) -> str | None:
        if self._status.stage != "awaiting owner":
            return f"not awaiting the owner but {self._status.stage}"
        if principal(owner) != principal(self._request.query.source.owner):
            return "only the owner of the source answers"
        if terms != self._request.query.terms:
            return "names other terms than those asked for; read the `status` query first"
        return None

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        stand(self._status.stage, "; ".join(self._status.reasons))

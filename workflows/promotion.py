"""A version waits for policy and people, then its pointer moves to staging."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.base import principal
    from assay.contracts.policy import Decision
    from assay.contracts.promotion import (
        Approval,
        Hold,
        Override,
        PinnedPromotion,
        PointerMove,
        PointerQuery,
        PromotionCase,
        PromotionRequest,
        PromotionStatus,
        Rejection,
        Release,
        attest_decision,
        decide_release,
        decide_review,
        draft_card,
        move_pointer,
        pin_promotion,
        read_pointer,
        register_version,
        sign_version,
    )
    from workflows.common import (
        CONTROL,
        SERVING,
        committed,
        failure,
        given,
        reason_of,
        refuse_if,
        settled,
        stand,
    )
    from workflows.stopping import Stoppable

ENDED = frozenset({"staged", "refused", "rejected", "expired", "failed"})
MORE_PEOPLE = frozenset({"QUORUM_NOT_MET", "ROLE_MISSING", "OVERRIDE_ALONE"})
"""What the release gate refuses only because not enough people answered yet."""
MOST_ANSWERS = 50
"""Approvals, and overrides. All of them go to the gates in one message, and a message has 2 MB."""


@workflow.defn(name="Promotion", versioning_behavior=VersioningBehavior.PINNED)
class Promotion(Stoppable):
    """One attempt to promote one version. Refusals end it; a new attempt is a new workflow."""

    @workflow.init
    def __init__(self, request: PromotionRequest | None = None) -> None:
        self._asked = request
        self._pinned: PinnedPromotion | None = None
        self._status = PromotionStatus()
        self._deadline: datetime | None = None

    @workflow.run
    async def run(self, request: PromotionRequest | None = None) -> PromotionStatus:  # noqa: ARG002  # __init__ keeps it
        with self.may_be_stopped():
            return await self._go()

    async def _go(self) -> PromotionStatus:
        try:
            await self._draft()
            if await self._reviewed() and await self._released():
                await committed(self._stage())
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.query
    def status(self) -> PromotionStatus:
        """Where this promotion stands; `card.diff.sha256` is what an approval must name."""
        return self._status

    @workflow.update
    async def approve(self, approval: Approval) -> PromotionStatus:
        """Say yes to exactly the card diff in force."""
        self._set(approvals=(*self._status.approvals, approval))
        return self._status

    @approve.validator
    def _may_approve(self, approval: Approval) -> None:
        refuse_if(self._objection(approval))

    @workflow.signal(name="approve")
    def approve_by_signal(self, approval: Approval) -> None:
        """Alias for tools that can only signal; what an update would refuse is ignored."""
        if self._objection(approval) is None:
            self._set(approvals=(*self._status.approvals, approval))

    @workflow.update
    async def reject(self, rejection: Rejection) -> PromotionStatus:
        """Say no; ends the promotion."""
        self._set(rejection=rejection)
        return self._status

    @reject.validator
    def _may_reject(self, rejection: Rejection) -> None:
        refuse_if(
            self._not_in_force(rejection.card_diff) or self._not_waiting("awaiting approval", "awaiting override")
        )

    @workflow.update
    async def override(self, override: Override) -> PromotionStatus:
        """Take overridable violations on oneself; policy decides whether that is enough."""
        self._set(overrides=(*self._status.overrides, override))
        return self._status

    @override.validator
    def _may_override(self, override: Override) -> None:
        refuse_if(self._override_objection(override))

    @workflow.update
    async def hold(self, hold: Hold) -> PromotionStatus:
        """Do not move the pointer until a release."""
        self._set(held=True, reasons=(*self._status.reasons[-9:], f"held by {hold.actor}: {hold.reason}"))
        return self._status

    @hold.validator
    def _may_hold(self, hold: Hold) -> None:
        if self._status.stage in ENDED:
            refuse_if(f"{hold.actor} cannot: it is {self._status.stage} already")
        refuse_if("it is held already" if self._status.held else None)

    @workflow.update
    async def release(self, release: Release) -> PromotionStatus:
        """Go on after a hold."""
        self._set(held=False, reasons=(*self._status.reasons[-9:], f"released by {release.actor}"))
        return self._status

    @release.validator
    def _may_release(self, release: Release) -> None:
        refuse_if(None if self._status.held else f"{release.actor} cannot release what is not held")

    @property
    def _request(self) -> PromotionRequest:
        return given(self._asked)

    async def _draft(self) -> None:
        request = self._request
        stand("drafting", tenant=request.tenant, model=request.model)
        pinned = await settled(
            workflow.execute_activity(pin_promotion, request, **CONTROL, summary="find run and evaluation on record")
        )
        self._pinned = pinned
        stand("drafting", digest=pinned.evaluation.chosen.adapter)
        card = await settled(workflow.execute_activity(draft_card, pinned, **SERVING, summary="write card and diff"))
        version = await settled(workflow.execute_activity(sign_version, pinned, **CONTROL, summary="sign and attest"))
        self._set(stage="deciding", card=card, version=version)
        await settled(
            workflow.execute_activity(register_version, self._case(), **CONTROL, summary="register the version")
        )

    async def _reviewed(self) -> bool:
        """Ask before people are asked; a refusal that may be overridden waits for an override."""
        decision = await self._decide_review()
        self._deadline = workflow.now() + self._request.rules.override_window
        while not decision.allow and _overridable(decision) and await self._overridden():
            decision = await self._decide_review()
        if decision.allow and self._status.rejection is None:
            return True
        self._end_refused(decision)
        return False

    async def _decide_review(self) -> Decision:
        decision = await settled(
            workflow.execute_activity(decide_review, self._case(), **CONTROL, summary="ask the review gate")
        )
        await self._attest(decision)
        self._set(decision=decision)
        return decision

    async def _attest(self, decision: Decision) -> None:
        await settled(
            workflow.execute_activity(
                attest_decision,
                args=[self._case(), decision],
                **CONTROL,
                summary=f"attest the {decision.gate} decision",
            )
        )

    async def _overridden(self) -> bool:
        assert self._deadline is not None
        known = len(self._status.overrides)
        self._set(stage="awaiting override", reasons=_reasons(self._status.decision))
        left = self._deadline - workflow.now()
        try:
            await workflow.wait_condition(
                lambda: len(self._status.overrides) > known or self._status.rejection is not None,
                timeout=left,
                timeout_summary="override window",
            )
        except TimeoutError:
            return False
        return self._status.rejection is None

    async def _released(self) -> bool:
        """Ask people, then the release gate, which may want more of them than the request did: then ask again."""
        self._deadline = workflow.now() + self._request.rules.deadline
        while await self._approved():
            decision = await self._decide_release()
            if decision.allow:
                return True
            if {v.code for v in decision.violations} - MORE_PEOPLE:
                self._end_refused(decision)
                return False
        return False

    async def _approved(self) -> bool:
        """Wait for a quorum of the request's roles, and after a release decision for one more approval."""
        assert self._deadline is not None
        asked, known = self._status.release, len(self._status.approvals)
        reasons = _reasons(asked) if asked else _reasons(self._status.decision, warnings=True)
        self._set(stage="awaiting approval", reasons=reasons)
        try:
            await workflow.wait_condition(
                lambda: (
                    self._status.rejection is not None
                    or (self._quorum() and not self._status.held and (asked is None or self._more_than(known)))
                ),
                timeout=max(self._deadline - workflow.now(), timedelta(0)),
                timeout_summary="approval deadline",
            )
        except TimeoutError:
            self._set(stage="expired", reasons=("APPROVAL_EXPIRED: the deadline passed without a quorum",))
            return False
        if self._status.rejection is not None:
            self._set(stage="rejected", reasons=(f"REJECTED: {self._status.rejection.reason}",))
            return False
        return True

    async def _decide_release(self) -> Decision:
        """The facts may have changed while people were reading, so the gate is asked again, with their approvals."""
        while True:
            self._set(stage="deciding")
            decision = await settled(
                workflow.execute_activity(decide_release, self._case(), **CONTROL, summary="ask the release gate")
            )
            await self._attest(decision)
            self._set(release=decision)
            if not self._status.held:
                return decision
            # Held while the gate was asked: what it said may be old when this goes on.
            await workflow.wait_condition(lambda: not self._status.held)

    async def _stage(self) -> None:
        request, release = self._request, self._status.release
        assert self._status.version is not None
        assert release is not None
        where = PointerQuery(tenant=request.tenant, model=request.model, stage="staging")
        now = await workflow.execute_activity(read_pointer, where, **CONTROL, summary="read the staging pointer")
        move = PointerMove(
            tenant=request.tenant,
            model=request.model,
            stage="staging",
            target=self._status.version.digest,
            expected=now.target,
            actor=request.requested_by,
            reason=f"promotion of version {request.version}",
            decision_id=release.decision_id,
            key=f"{workflow.info().workflow_id}/{workflow.info().run_id}/staging",
        )
        await workflow.execute_activity(move_pointer, move, **CONTROL, summary="move the staging pointer")
        self._set(stage="staged", reasons=())

    def _end_refused(self, decision: Decision) -> None:
        rejection = self._status.rejection
        if rejection is not None:
            self._set(stage="rejected", reasons=(f"REJECTED: {rejection.reason}",))
        else:
            self._set(stage="refused", reasons=_reasons(decision))

    def _case(self) -> PromotionCase:
        assert self._pinned is not None
        assert self._status.card is not None
        assert self._status.version is not None
        return PromotionCase(
            request=self._pinned,
            card=self._status.card,
            version=self._status.version,
            approvals=self._status.approvals,
            overrides=self._status.overrides,
        )

    def _more_than(self, known: int) -> bool:
        return len(self._status.approvals) > known

    def _quorum(self) -> bool:
        return {a.role for a in self._status.approvals} >= set(self._request.rules.roles_required)

    def _objection(self, approval: Approval) -> str | None:
        if problem := self._not_waiting("awaiting approval") or self._not_in_force(approval.card_diff):
            return problem
        if principal(approval.reviewer) == principal(self._request.requested_by):
            return "the requester cannot approve"
        if any(principal(a.reviewer) == principal(approval.reviewer) for a in self._status.approvals):
            return "this reviewer has approved already"
        return self._too_many(self._status.approvals)

    def _override_objection(self, override: Override) -> str | None:
        if problem := self._not_waiting("awaiting override") or self._not_in_force(override.card_diff):
            return problem
        if principal(override.reviewer) == principal(self._request.requested_by):
            return "the requester cannot override"
        decision = self._status.decision
        refused = {v.code for v in decision.violations if v.overridable} if decision else set()
        unknown = sorted(set(override.codes) - refused)
        if unknown:
            return f"not overridable here: {', '.join(code[:64] for code in unknown)}"
        return self._too_many(self._status.overrides)

    def _too_many(self, answers: tuple[object, ...]) -> str | None:
        return f"{MOST_ANSWERS} have answered; start the promotion again" if len(answers) >= MOST_ANSWERS else None

    def _not_waiting(self, *stages: str) -> str | None:
        if self._status.stage in stages:
            return None
        return f"not {' or '.join(stages)} but {self._status.stage}"

    def _not_in_force(self, card_diff: str) -> str | None:
        in_force = self._status.card.diff.sha256 if self._status.card else None
        return None if card_diff == in_force else "names another card diff than the one in force; read that one first"

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        held = "held, " if self._status.held else ""
        stand(self._status.stage, f"{held}{len(self._status.approvals)} approvals. {'; '.join(self._status.reasons)}")


def _overridable(decision: Decision) -> bool:
    return bool(decision.violations) and all(v.overridable for v in decision.violations)


def _reasons(decision: Decision | None, *, warnings: bool = False) -> tuple[str, ...]:
    if decision is None:
        return ()
    return tuple(f"{v.code}: {v.msg}" for v in (decision.warnings if warnings else decision.violations))

"""Quarantined rows of one dataset wait for people: released or refused by update, each decision signed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.base import Digest, canonical_digest, principal
    from assay.contracts.policy import Decision
    from assay.contracts.review import (
        ReviewCase,
        ReviewCounts,
        ReviewReminder,
        ReviewRequest,
        ReviewState,
        ReviewStatus,
        RowRuling,
        Vote,
        attest_rows,
        count_rows,
        decide_rows,
        remind_reviewers,
        settle_rows,
    )
    from workflows.common import (
        CONTROL,
        failure,
        given,
        reason_of,
        reasons_of,
        refuse_forged,
        refuse_if,
        refused,
        settled,
        stand,
    )

MORE_PEOPLE = frozenset({"ROWS_QUORUM_NOT_MET", "ROWS_ROLE_MISSING"})
"""What the gate refuses only because not enough people have answered yet: such a vote waits for others."""
MOST_VOTES = 20
"""That wait for others; the oldest gives way. All of them travel in one message, and a message has 2 MB."""
KEPT = 500
"""Rulings that are remembered: given again they answer what they did."""


@workflow.defn(name="DataReview", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class DataReview:
    """Runs while rows wait. At the deadline it ends and they stay where they are: nothing is released by silence."""

    @workflow.init
    def __init__(self, request: ReviewRequest | None = None) -> None:
        self._asked = request
        resume = request.resume if request else None
        self._status = ReviewStatus(
            votes=resume.votes if resume else (),
            decisions=resume.decisions if resume else (),
            reminders=resume.reminders if resume else 0,
        )
        self._settled: tuple[Digest, ...] = resume.settled if resume else ()
        self._one_by_one = asyncio.Lock()
        self._look = True

    @workflow.run
    async def run(self, request: ReviewRequest | None = None) -> ReviewStatus:  # noqa: ARG002  # __init__ keeps it
        wanted = self._request
        refuse_forged(wanted.resume is not None)
        deadline = wanted.resume.deadline if wanted.resume else workflow.now() + wanted.rules.deadline
        self._set(deadline=deadline)
        stand("looking", tenant=wanted.tenant, dataset=wanted.dataset)
        try:
            while await self._rows_wait():
                if not await self._answered(deadline):
                    break
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.query
    def status(self) -> ReviewStatus:
        """Where this review stands; the rows themselves are read by `assay data review`."""
        return self._status

    @workflow.update
    async def release(self, ruling: RowRuling) -> ReviewStatus:
        """Let rows enter the next intake of this dataset, once enough people have read and released the same."""
        return await self._rule(Vote(verdict="release", ruling=ruling))

    @release.validator
    def _may_release(self, ruling: RowRuling) -> None:
        refuse_if(self._objection(Vote(verdict="release", ruling=ruling)))

    @workflow.update
    async def refuse(self, ruling: RowRuling) -> ReviewStatus:
        """Keep rows out for good."""
        return await self._rule(Vote(verdict="refuse", ruling=ruling))

    @refuse.validator
    def _may_refuse(self, ruling: RowRuling) -> None:
        refuse_if(self._objection(Vote(verdict="refuse", ruling=ruling)))

    @workflow.signal
    def rows_arrived(self) -> None:
        """An intake has quarantined more rows."""
        self._look = True

    @property
    def _request(self) -> ReviewRequest:
        return given(self._asked)

    async def _rows_wait(self) -> bool:
        """Whether anything is left to decide; counted again whenever an intake has ended."""
        while self._look:
            self._look = False
            request = self._request
            counts = await settled(
                workflow.execute_activity(
                    count_rows, args=[request.tenant, request.dataset], **CONTROL, summary="count rows that wait"
                )
            )
            self._set(counts=counts)
        if self._status.counts.waiting or self._one_by_one.locked():
            self._set(stage="awaiting review")
            return True
        self._set(stage="reviewed")
        return False

    async def _answered(self, deadline: datetime) -> bool:
        """Wait for a ruling or for more rows, reminding people meanwhile. False when the deadline has passed."""
        if workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(self._request.model_copy(update={"resume": self._state(deadline)}))
        reminder = min(deadline, workflow.now() + self._request.rules.remind_every)
        try:
            await workflow.wait_condition(
                lambda: self._look,
                timeout=max(reminder - workflow.now(), timedelta(0)),
                timeout_summary="next reminder",
            )
        except TimeoutError:
            if workflow.now() >= deadline:
                return self._expire()
            await self._remind(deadline)
        return True

    def _expire(self) -> bool:
        waiting = self._status.counts.waiting
        reason = f"REVIEW_EXPIRED: {waiting} rows still wait; they stay in quarantine until a new review"
        self._set(stage="expired", reasons=(reason,))
        return False

    async def _remind(self, deadline: datetime) -> None:
        request = self._request
        self._set(reminders=self._status.reminders + 1)
        reminder = ReviewReminder(
            tenant=request.tenant,
            dataset=request.dataset,
            waiting=self._status.counts.waiting,
            deadline=deadline,
            number=self._status.reminders,
        )
        await settled(workflow.execute_activity(remind_reviewers, reminder, **CONTROL, summary="remind reviewers"))

    async def _rule(self, vote: Vote) -> ReviewStatus:
        # Two rulings at once would each be decided without the other's vote.
        async with self._one_by_one:
            if _name(vote) not in self._settled:
                try:
                    await self._decide(vote)
                except ActivityError as error:
                    raise failure(error) from error
                finally:
                    self._look = True
        return self._status

    async def _decide(self, vote: Vote) -> None:
        former = self._former(vote)  # of the same person in another role: one that was wrong is corrected so
        others = tuple(other for other in self._about_the_same(vote) if other is not former)
        case = ReviewCase(tenant=self._request.tenant, dataset=self._request.dataset, votes=(*others, vote))
        decision = await workflow.execute_activity(decide_rows, case, **CONTROL, summary="ask the data review gate")
        if decision.allow:
            await self._settle(case, decision)
        elif {v.code for v in decision.violations} <= MORE_PEOPLE:
            waiting = (other for other in self._status.votes if other is not former)
            self._set(votes=(*waiting, vote)[-MOST_VOTES:], reasons=reasons_of(decision))
        else:
            raise refused(decision)

    async def _settle(self, case: ReviewCase, decision: Decision) -> None:
        statement = await workflow.execute_activity(
            attest_rows, args=[case, decision], **CONTROL, summary="sign what was decided"
        )
        counts: ReviewCounts = await workflow.execute_activity(
            settle_rows, args=[case, statement], **CONTROL, summary="enter what was decided"
        )
        self._settled = (*self._settled, *(_name(vote) for vote in case.votes))[-KEPT:]
        self._set(
            counts=counts,
            votes=tuple(vote for vote in self._status.votes if not self._settles(case, vote)),
            decisions=(*self._status.decisions, decision.decision_id)[-KEPT:],
            reasons=(),
        )

    def _settles(self, case: ReviewCase, vote: Vote) -> bool:
        """Whether a vote that waits is one of the case, or what one of its people said before."""
        people = {principal(one.ruling.reviewer) for one in case.votes}
        return _same(vote, case.votes[-1]) and principal(vote.ruling.reviewer) in people

    def _about_the_same(self, vote: Vote) -> tuple[Vote, ...]:
        return tuple(other for other in self._status.votes if _same(other, vote))

    def _objection(self, vote: Vote) -> str | None:
        if self._status.stage not in ("looking", "awaiting review"):
            return f"not awaiting review but {self._status.stage}"
        if _name(vote) in self._settled:
            return None
        former = self._former(vote)
        if former is not None and former.ruling.role == vote.ruling.role:
            return "this reviewer has said so already, in this role"
        return None

    def _former(self, vote: Vote) -> Vote | None:
        """What the same person said of the same rows before, and others have not followed yet."""
        person = principal(vote.ruling.reviewer)
        mine = (other for other in self._about_the_same(vote) if principal(other.ruling.reviewer) == person)
        return next(mine, None)

    def _state(self, deadline: datetime) -> ReviewState:
        return ReviewState(
            deadline=deadline,
            reminders=self._status.reminders,
            votes=self._status.votes,
            settled=self._settled,
            decisions=self._status.decisions,
        )

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        waiting, votes = self._status.counts.waiting, len(self._status.votes)
        stand(self._status.stage, f"{waiting} rows wait, {votes} votes. {'; '.join(self._status.reasons)}")


def _same(one: Vote, other: Vote) -> bool:
    return (one.verdict, one.ruling.purpose, one.ruling.read) == (
        other.verdict,
        other.ruling.purpose,
        other.ruling.read,
    )


def _name(vote: Vote) -> Digest:
    return canonical_digest(vote.model_dump(mode="json"))

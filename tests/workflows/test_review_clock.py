"""A review waits for people for weeks: reminders and deadline on a clock that skips."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity

from assay.contracts import names
from assay.contracts.review import ReviewCounts, ReviewReminder, ReviewRequest, ReviewRules, ReviewStatus

from .clock import skipping


class House:
    """Rows that wait, and what people were reminded of."""

    def __init__(self) -> None:
        self.reminders: list[ReviewReminder] = []

    @activity.defn
    async def count_rows(self, tenant: str, dataset: str) -> ReviewCounts:
        return ReviewCounts(waiting=3)

    @activity.defn
    async def remind_reviewers(self, reminder: ReviewReminder) -> None:
        self.reminders.append(reminder)


async def test_reviewers_are_reminded_every_few_days_and_at_the_deadline_nothing_is_released() -> None:
    house = House()
    rules = ReviewRules(deadline=timedelta(days=10), remind_every=timedelta(days=3))
    request = ReviewRequest(tenant="acme", dataset="support", rules=rules, requested_by="ann")
    # No activity that settles anything is served: it would be waited for without end.
    async with skipping([house.count_rows, house.remind_reviewers]) as client:
        ended: ReviewStatus = await client.execute_workflow(
            "DataReview", request, id="review", task_queue=names.CONTROL_QUEUE, result_type=ReviewStatus
        )
    assert [reminder.number for reminder in house.reminders] == [1, 2, 3]
    assert {(reminder.waiting, reminder.deadline) for reminder in house.reminders} == {(3, ended.deadline)}
    assert (ended.stage, ended.counts.waiting, ended.reminders) == ("expired", 3, 3)

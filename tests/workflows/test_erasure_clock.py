"""An erasure has a month: reminders and deadline on a clock that skips, while a legal hold keeps it from its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import activity

from assay.contracts import names
from assay.contracts.erasure import CaseJob, ErasureRequest, ErasureStatus, Held, Reminder

from .clock import skipping
from .conftest import House

ASKED = ErasureRequest(tenant="acme", subject="5" * 64, requested_by="pia")


class Held31Days(House):
    """A hold that is lifted after the deadline, and what people were reminded of on which day."""

    def __init__(self) -> None:
        super().__init__()
        self.first_look: datetime | None = None
        self.reminders: list[tuple[float, float, str]] = []

    def day(self) -> float:
        now = activity.info().current_attempt_scheduled_time
        self.first_look = self.first_look or now
        return (now - self.first_look) / timedelta(days=1)

    @activity.defn
    async def read_holds(self, job: CaseJob) -> Held:
        held = self.day() < 31
        if not held:
            self.diary.append("lifted")
        return Held(holds=("a1: a lawsuit",) if held else ())

    @activity.defn
    async def remind_erasure(self, reminder: Reminder) -> None:
        self.reminders.append((round(self.day(), 2), round(reminder.days_left, 2), reminder.stage))


async def test_people_are_reminded_until_the_deadline_after_which_the_work_goes_on_and_is_late() -> None:
    house = Held31Days()
    queues = (names.DATA_QUEUE, names.SERVING_QUEUE)
    async with skipping(house.all(), queues=queues) as client:
        ended: ErasureStatus = await client.execute_workflow(
            "Erasure", ASKED, id="erasure", task_queue=names.CONTROL_QUEUE, result_type=ErasureStatus
        )
        begun = (await client.get_workflow_handle("erasure").describe()).start_time
    assert house.reminders == [(14, 16, "held"), (23, 7, "held"), (28, 2, "held"), (30, 0, "held")]
    assert house.diary == ["withdraw", "replace", "lifted", "reseal", "shred", "plan", "receipt"]
    assert (ended.stage, ended.reminders, ended.overdue, ended.holds) == ("erased", 3, True, ())
    assert ended.deadline is not None
    assert round((ended.deadline - begun) / timedelta(days=1), 4) == 30


async def test_an_erasure_that_ends_in_time_reminds_nobody() -> None:
    house = Held31Days()
    house.first_look = datetime.fromisoformat("2000-01-01T00:00:00Z")  # long over
    async with skipping(house.all(), queues=(names.DATA_QUEUE, names.SERVING_QUEUE)) as client:
        ended: ErasureStatus = await client.execute_workflow(
            "Erasure", ASKED, id="erasure", task_queue=names.CONTROL_QUEUE, result_type=ErasureStatus
        )
    assert house.reminders == []
    assert (ended.stage, ended.reminders, ended.overdue) == ("erased", 0, False)

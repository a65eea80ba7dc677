"""On a clock that skips: reminders and deadline of an erasure that a legal hold keeps from its end, and its looks."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import activity
from temporalio.client import Client

from assay.contracts import names
from assay.contracts.erasure import CaseJob, ErasureRequest, ErasureStatus, Held, Reminder
from assay.contracts.remains import UNDER_WAY, Remains

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


class LiftedMeanwhile(House):
    """A hold that somebody lifts, and says so, while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[datetime] = []
        self.client: Client | None = None

    @activity.defn
    async def read_holds(self, job: CaseJob) -> Held:
        self.reads.append(activity.info().current_attempt_scheduled_time)
        if len(self.reads) > 1:
            return Held()
        assert self.client is not None
        await self.client.get_workflow_handle("erasure").signal("look_again")
        return Held(holds=("a1: a lawsuit",))


async def test_a_hold_that_is_lifted_while_it_is_read_is_looked_for_again_at_once() -> None:
    house = LiftedMeanwhile()
    async with skipping(house.all(), queues=(names.DATA_QUEUE, names.SERVING_QUEUE)) as client:
        house.client = client
        ended: ErasureStatus = await client.execute_workflow(
            "Erasure", ASKED, id="erasure", task_queue=names.CONTROL_QUEUE, result_type=ErasureStatus
        )
    assert (ended.stage, len(house.reads)) == ("erased", 2)
    assert house.reads[1] - house.reads[0] < timedelta(minutes=1)


class Searched(House):
    """A second search that goes on finding things, and the look at which somebody says `look_again`."""

    def __init__(self, *remains: str, told_at: int = 0) -> None:
        super().__init__(remains=[(one,) for one in remains])
        self.looks, self.told_at = 0, told_at
        self.client: Client | None = None

    @activity.defn
    async def search_stores(self, job: CaseJob) -> Remains:
        self.looks += 1
        self.diary.append(f"look {self.looks}")
        if self.looks == self.told_at:
            assert self.client is not None
            await self.client.get_workflow_handle("erasure").signal("look_again")
        return Remains(searched=("blobs",), found=self.remains.pop(0) if self.remains else ())

    async def erased(self) -> list[str]:
        """Removals, by the first thing that they do, and looks, in their order."""
        async with skipping(self.all(), queues=(names.DATA_QUEUE, names.SERVING_QUEUE)) as client:
            self.client = client
            ended: ErasureStatus = await client.execute_workflow(
                "Erasure", ASKED, id="erasure", task_queue=names.CONTROL_QUEUE, result_type=ErasureStatus
            )
        assert (ended.stage, ended.remains, ended.reasons) == ("erased", (), ())
        return [one for one in self.diary if one.startswith(("withdraw", "look", "receipt"))]


async def test_what_is_still_found_is_searched_for_and_not_removed_at_each_look() -> None:
    house = Searched(*["engine 0: does not answer"] * 4)
    assert await house.erased() == [
        *["withdraw", "look 1", "withdraw", "look 2", "look 3", "look 4", "look 5", "receipt"]
    ]


async def test_what_is_still_found_after_a_minute_is_removed_once_more_since_it_may_have_been_in_use() -> None:
    house = Searched(*["file a"] * 7)  # at 0, 2, 6, 14, 30, 62 and 126 seconds after the removal
    assert await house.erased() == [
        *["withdraw", "look 1", "withdraw", "look 2", "look 3", "look 4", "look 5"],
        *["look 6", "withdraw", "look 7", "withdraw", "look 8", "receipt"],
    ]


async def test_a_find_that_is_new_is_removed_at_once() -> None:
    house = Searched("engine 0: does not answer", "engine 0: does not answer", "shard sealed meanwhile")
    assert await house.erased() == [
        *["withdraw", "look 1", "withdraw", "look 2", "look 3", "withdraw", "look 4", "receipt"]
    ]


class Worked(Searched):
    """Somebody was still at work at the first look."""

    @activity.defn
    async def search_serving(self, job: CaseJob) -> Remains:
        found = () if self.looks else (f"{UNDER_WAY}training/acme/helpdesk/1: train",)
        return Remains(searched=("activities",), found=found)


async def test_when_the_last_one_at_work_has_ended_it_is_removed_and_searched_for_once_more() -> None:
    assert await Worked().erased() == ["withdraw", "look 1", "withdraw", "look 2", "withdraw", "look 3", "receipt"]


async def test_what_is_still_found_is_removed_once_more_when_somebody_says_so() -> None:
    house = Searched(*["file a"] * 4, told_at=3)
    assert await house.erased() == [
        *["withdraw", "look 1", "withdraw", "look 2", "look 3", "withdraw", "look 4", "look 5", "receipt"]
    ]

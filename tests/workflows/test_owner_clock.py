"""The owner of a source is waited for two weeks and is reminded meanwhile; silence is a no, and nothing was read."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from assay.contracts import names
from assay.contracts.approval import ApprovalQuery, OwnerReminder, OwnerStatus, Standing
from assay.contracts.data import IntakeRequest, IntakeStatus

from .asking import SOURCE, until
from .clock import skipping
from .conftest import House

ASKED = SOURCE.model_copy(update={"approval": "standing"})


class Silent(House):
    """No approval is on record, and nobody answers; which reminders came on which day."""

    def __init__(self) -> None:
        super().__init__()
        self.first_asked: datetime | None = None
        self.reminders: list[tuple[int, float, str]] = []

    def day(self) -> float:
        now = activity.info().current_attempt_scheduled_time
        self.first_asked = self.first_asked or now
        return round((now - self.first_asked) / timedelta(days=1), 2)

    @activity.defn
    async def find_approval(self, query: ApprovalQuery) -> Standing:
        assert (query.source, query.purpose, query.intake) == (ASKED, "train-tenant-model", "")
        self.day()
        return Standing()

    @activity.defn
    async def remind_owner(self, reminder: OwnerReminder) -> None:
        assert (reminder.tenant, reminder.source) == ("acme", ASKED.name)
        self.reminders.append((reminder.number, self.day(), reminder.deadline.isoformat()))


async def started(client: Client, version: int) -> WorkflowHandle[object, IntakeStatus]:
    request = IntakeRequest(tenant="acme", dataset="support", version=version, sources=(ASKED,), requested_by="ann")
    return await client.start_workflow(
        "Intake",
        request,
        id=names.intake_id("acme", "support", version),
        task_queue=names.CONTROL_QUEUE,
        result_type=IntakeStatus,
    )


async def expect_refused(handle: WorkflowHandle[object, IntakeStatus]) -> None:
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "OWNER_SILENT"
    assert failure.value.cause.message == "the deadline passed without the owner's answer"
    status = await handle.query("status", result_type=IntakeStatus)
    assert (status.stage, status.sources_done, status.counts.read) == ("refused", 0, 0)


async def test_intakes_that_wait_for_a_silent_owner_are_refused_after_reminders_and_have_read_nothing() -> None:
    house = Silent()
    # Whoever reads is served too: an intake that did not wait would say so.
    async with skipping(house.all(), queues=(names.DATA_QUEUE,)) as client:
        waiting = [await started(client, version) for version in (1, 2)]
        question = client.get_workflow_handle(names.data_approval_id("acme", ASKED.name, "train-tenant-model"))

        async def joined() -> bool:
            events = (await question.fetch_history()).events
            return any(e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for e in events)

        await until(joined)  # no day passes before a result is waited for
        for handle in waiting:
            await expect_refused(handle)
        said = OwnerStatus.model_validate(await question.query("status"))
        assert [(number, day) for number, day, _ in house.reminders] == [(1, 3), (2, 6), (3, 9), (4, 12)]
        assert said.deadline is not None
        assert {day for _, _, day in house.reminders} == {said.deadline.isoformat()}
        assert (said.stage, said.reminders) == ("expired", 4)
        assert said.reasons == ("OWNER_SILENT: the deadline passed without the owner's answer",)
    assert (house.begun, house.diary) == (set(), [])

"""Rows are kept for months, then removed: on a clock that skips, with a stand-in for the erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import WorkflowHandle

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.erasure import ErasureRequest, ErasureStatus
    from assay.contracts.retention import (
        HoldsOn,
        RetentionNote,
        RetentionPlan,
        RetentionRequest,
        RetentionStatus,
        SourceTerm,
    )
    from workflows.retention import Retention

    from .clock import skipping

DATASET, AGAIN, OTHER = (f"sha256:{letter}" + letter * 63 for letter in "def")


class House:
    """Terms of two sources from a day on, and what was done about them when."""

    def __init__(self, *refusals: str) -> None:
        self.sealed_at: datetime | None = None
        self.current = DATASET
        self.states: dict[str, str] = {}
        self.holds: list[tuple[str, ...]] = []
        self.notes: list[tuple[str, str]] = []
        self.removed: list[tuple[str, str, float]] = []
        self.refusals = list(refusals)
        self.again: datetime | None = None
        self.stuck: set[str] = set()

    @activity.defn
    async def plan_retention(self, request: RetentionRequest) -> RetentionPlan:
        self.sealed_at = self.sealed_at or activity.info().current_attempt_scheduled_time
        terms = tuple(
            SourceTerm.model_validate(
                {
                    "source": source,
                    "expires_at": self.sealed_at + timedelta(days=days),
                    "state": self.states.get(source, "kept"),
                }
            )
            for source, days in (("tickets", 10), ("calls", 30))
        )
        others: tuple[RetentionPlan, ...] = ()
        if self.again is not None:
            at, state = self.again + timedelta(days=20), self.states.get(f"{OTHER}/tickets", "kept")
            term = SourceTerm.model_validate({"source": "tickets", "expires_at": at, "state": state})
            others = (RetentionPlan(origin=OTHER, current=OTHER, sources=(term,)),)
        return RetentionPlan(origin=DATASET, current=self.current, sources=terms, others=others)

    @activity.defn
    async def note_retention(self, note: RetentionNote) -> None:
        name = note.source if note.origin == DATASET else f"{OTHER}/{note.source}"
        self.states[name] = note.state
        self.notes.append((note.source, note.state))

    @activity.defn
    async def read_retention_holds(self, tenant: str, dataset: str, source: str) -> HoldsOn:
        return HoldsOn(holds=self.holds.pop(0) if self.holds else ())

    @activity.defn
    async def erase_stand_in(self, order: ErasureRequest, at: datetime) -> str:
        assert (order.ground, order.role, order.suppress) == ("retention", "owner", False)
        if order.source in self.stuck and self.states.get("calls") != "removed":
            return "refused"
        if self.refusals:
            return self.refusals.pop(0)
        assert self.sealed_at is not None
        days = (at - self.sealed_at) / timedelta(days=1)
        self.removed.append((order.source or "", (order.dataset or "")[7:15], int(days)))
        if order.dataset != OTHER:
            self.current = AGAIN
        return "erased"


@workflow.defn(name="Erasure", sandboxed=False)
class StandIn:
    """Erases after some days, as a person's confirmation or a hold may make it."""

    @workflow.run
    async def run(self, order: ErasureRequest) -> ErasureStatus:
        await workflow.sleep(timedelta(days=2.5))
        stage = await workflow.execute_activity(
            "erase_stand_in",
            args=[order, workflow.now()],
            task_queue=names.CONTROL_QUEUE,
            start_to_close_timeout=timedelta(minutes=1),
        )
        reasons = () if stage == "erased" else ("ERASURE_NOT_PERMITTED: no",)
        return ErasureStatus.model_validate({"stage": stage, "reasons": reasons})


@asynccontextmanager
async def running(house: House) -> AsyncIterator[WorkflowHandle[Any, RetentionStatus]]:
    request = RetentionRequest(tenant="acme", dataset="support", version=1, requested_by="ann")
    activities = [house.plan_retention, house.note_retention, house.read_retention_holds, house.erase_stand_in]
    async with skipping(activities, [Retention, StandIn]) as client:
        yield await client.start_workflow(
            "Retention",
            request,
            id=names.retention_id("acme", "support", 1),
            task_queue=names.CONTROL_QUEUE,
            result_type=RetentionStatus,
        )


async def kept(house: House) -> RetentionStatus:
    async with running(house) as handle:
        return await handle.result()


async def test_rows_of_each_source_are_removed_when_its_retention_ends_and_no_earlier() -> None:
    house = House()
    ended = await kept(house)
    assert (ended.stage, ended.reasons) == ("removed", ())
    # The removal takes the stand-in two and a half days. The second is of the dataset that the first one left.
    assert house.removed == [("tickets", DATASET[7:15], 12), ("calls", AGAIN[7:15], 32)]
    assert house.states == {"tickets": "removed", "calls": "removed"}


async def test_a_legal_hold_stops_the_removal_and_says_so_until_it_is_lifted() -> None:
    house = House()
    house.holds = [("hold-1",), ("hold-1",)]
    assert (await kept(house)).stage == "removed"
    assert house.notes[:4] == [("tickets", "held"), ("tickets", "held"), ("tickets", "kept"), ("tickets", "removed")]


async def test_a_removal_that_was_refused_is_tried_again() -> None:
    house = House("refused")
    assert (await kept(house)).stage == "removed"
    assert house.removed[0] == ("tickets", DATASET[7:15], 16)


async def test_a_removal_that_is_refused_again_and_again_does_not_keep_the_others() -> None:
    house = House()
    house.stuck = {"tickets"}
    assert (await kept(house)).stage == "removed"
    assert [(source, days >= 32) for source, _, days in house.removed] == [("calls", True), ("tickets", True)]


async def test_a_clock_that_runs_is_told_of_another_seal_of_its_version() -> None:
    house = House()
    async with running(house) as handle:
        while house.sealed_at is None:  # noqa: ASYNC110  # the stand-in has no event
            await asyncio.sleep(0.01)
        house.again = house.sealed_at - timedelta(days=15)
        await handle.signal("look_again")
        assert (await handle.result()).stage == "removed"
    assert house.removed == [("tickets", OTHER[7:15], 7), ("tickets", DATASET[7:15], 12), ("calls", AGAIN[7:15], 32)]


def test_days_are_counted_in_one_zone() -> None:
    assert SourceTerm(source="tickets", expires_at=datetime(2027, 1, 1, tzinfo=UTC)).state == "kept"

"""An intake shard by shard: how far it is, that nothing is done twice, and that what was staged is cleared away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.data import IntakeProgress, IntakeRequest, IntakeStatus

from .asking import SOURCE, until, versions

OTHER = SOURCE.model_copy(update={"name": "other"})


def request(dataset: str = "support") -> IntakeRequest:
    return IntakeRequest(
        tenant="acme", dataset=dataset, version=next(versions), sources=(SOURCE, OTHER), requested_by="ann"
    )


async def cause_of(handle: WorkflowHandle[Any, Any]) -> BaseException | None:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    return failed.value.cause


async def test_every_shard_is_scanned_and_decided_once_and_the_stage_is_cleared(
    client: AssayClient, house: Any
) -> None:
    house.shards_a_source = 3
    handle = await client.start_intake(request())
    status = await handle.result()
    assert (status.stage, status.counts.read, status.sources_done) == ("sealed", 18, 2)
    ran = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in (await handle.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    counts = {name: ran.count(name) for name in ran}
    assert counts == {
        **{"plan_source": 2, "scan_shard": 6, "compare_shards": 1, "decide_shard": 6},
        **{"seal_dataset": 1, "write_datasheet": 1, "clear_stage": 1},
    }
    assert house.diary == ["cleared 4 staged, 0 unsealed"]


async def test_the_status_tells_how_many_rows_are_done_and_how_long_the_rest_takes(
    client: AssayClient, house: Any
) -> None:
    house.shards_a_source = 2
    house.gates["decide_shard"] = asyncio.Event()
    wanted = request()
    handle = await client.start_intake(wanted)

    async def progress() -> IntakeProgress:
        return (await client.intake_status("acme", "support", wanted.version)).progress

    async def deciding() -> bool:
        return (await progress()).phase == "deciding"

    await until(deciding)
    assert await progress() == IntakeProgress(phase="deciding", rows_done=0, rows_total=12)
    house.gates["decide_shard"].set()
    ended = (await handle.result()).progress
    assert (ended.phase, ended.rows_done, ended.rows_total, ended.seconds_left) == ("sealing", 12, 12, 0.0)
    assert ended.rows_per_second is not None


def test_the_estimate_is_what_is_left_at_the_rate_so_far() -> None:
    at = IntakeProgress.at("scanning", 250, 1000, 10.0)
    assert (at.rows_per_second, at.seconds_left) == (25.0, 30.0)
    assert IntakeProgress.at("scanning", 0, 1000, 10.0).seconds_left is None


@pytest.mark.parametrize("activity", ["scan_shard", "compare_shards", "decide_shard", "seal_dataset"])
async def test_a_refused_intake_clears_its_stage(client: AssayClient, house: Any, activity: str) -> None:
    house.refused[activity] = "SOURCE_ADMISSION_CHANGED"
    handle = await client.start_intake(request())
    cause = await cause_of(handle)
    assert isinstance(cause, ApplicationError)
    assert cause.type == "SOURCE_ADMISSION_CHANGED"
    unsealed = 1 if activity == "seal_dataset" else 0
    [cleared] = house.diary
    assert cleared.endswith(f"{unsealed} unsealed")
    assert (await handle.query("status", result_type=IntakeStatus)).stage == "failed"


async def test_a_cancelled_intake_clears_its_stage_before_it_ends(client: AssayClient, house: Any) -> None:
    house.gates["decide_shard"] = asyncio.Event()
    handle = await client.start_intake(request())

    async def begun() -> bool:
        return "decide_shard" in house.begun

    await until(begun)
    await handle.cancel()
    house.gates["decide_shard"].set()
    assert isinstance(await cause_of(handle), CancelledError)
    assert len(house.diary) == 1
    assert house.diary[0].startswith("cleared ")


async def test_a_cancellation_waits_for_the_seal_and_its_clock(client: AssayClient, house: Any) -> None:
    house.gates["seal_dataset"] = asyncio.Event()
    wanted = request("cancelled-late")
    handle = await client.start_intake(wanted)

    async def sealing() -> bool:
        return "seal_dataset" in house.begun

    await until(sealing)
    await handle.cancel()
    house.gates["seal_dataset"].set()
    assert (await handle.result()).stage == "sealed"
    clock = client.temporal.get_workflow_handle(names.retention_id("acme", wanted.dataset, wanted.version))
    assert (await clock.describe()).workflow_type == "Retention"
    assert house.diary[0].endswith("0 unsealed")


async def test_a_malformed_source_ends_the_intake_before_anything_is_scanned(client: AssayClient, house: Any) -> None:
    house.refused["plan_source"] = "JSONL_MALFORMED"
    cause = await cause_of(await client.start_intake(request()))
    assert isinstance(cause, ApplicationError)
    assert (cause.type, house.begun) == ("JSONL_MALFORMED", {"plan_source"})
    # What was staged before it failed is known by the name of the intake alone.
    assert house.diary == ["cleared 0 staged, 0 unsealed"]


async def test_an_intake_with_too_many_shards_is_refused(client: AssayClient, house: Any) -> None:
    house.shards_a_source = 401
    cause = await cause_of(await client.start_intake(request()))
    assert isinstance(cause, ApplicationError)
    assert (cause.type, "scan_shard" in house.begun) == ("INTAKE_TOO_LARGE", False)


@pytest.mark.parametrize("sealed", [True, False])
async def test_rows_that_were_set_aside_begin_a_review(client: AssayClient, house: Any, sealed: bool) -> None:
    house.quarantines = True
    wanted = request(f"aside-{sealed}".lower())
    if not sealed:
        house.refused["seal_dataset"] = "DATASET_EMPTY"
    handle = await client.start_intake(wanted)
    if sealed:
        await handle.result()
    else:
        await cause_of(handle)
    review = client.temporal.get_workflow_handle(names.data_review_id("acme", wanted.dataset))
    assert (await review.describe()).workflow_type == "DataReview"

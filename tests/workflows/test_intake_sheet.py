"""A sealed dataset gets its clock and its sheet, and is sealed whatever becomes of the sheet."""

from __future__ import annotations

import asyncio
from typing import Any

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.data import IntakeRequest, IntakeStatus

from .asking import SOURCE, until, versions


async def ended(client: AssayClient) -> IntakeStatus:
    request = IntakeRequest(
        tenant="acme", dataset="support", version=next(versions), sources=(SOURCE,), requested_by="ann"
    )
    handle = await client.start_intake(request)
    status = await handle.result()
    assert handle.id == names.intake_id("acme", "support", request.version)
    return status


async def test_the_status_of_an_intake_has_the_sheet_of_its_dataset(client: AssayClient, house: Any) -> None:
    status = await ended(client)
    assert status.stage == "sealed"
    assert status.datasheet is not None
    assert status.datasheet.sha256 == "sha256:" + "5" * 64


async def test_a_dataset_is_sealed_also_where_its_sheet_cannot_be_written(client: AssayClient, house: Any) -> None:
    house.refused["write_datasheet"] = "SHARD_DESTROYED"
    status = await ended(client)
    assert (status.stage, status.datasheet) == ("sealed", None)
    assert status.dataset is not None


async def test_the_clock_of_a_sealed_dataset_goes_on_when_its_intake_has_ended(client: AssayClient, house: Any) -> None:
    request = IntakeRequest(
        tenant="acme", dataset="support", version=next(versions), sources=(SOURCE,), requested_by="ann"
    )
    status = await (await client.start_intake(request)).result()
    assert status.dataset is not None
    async with asyncio.timeout(30):
        while (kept := await client.retention_status("acme", "support", request.version)).plan is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (kept.stage, kept.plan.origin) == ("keeping", status.dataset.id)


async def test_a_clock_that_is_told_often_continues_as_new(client: AssayClient, house: Any) -> None:
    """The server suggests it after 100 events here."""
    request = IntakeRequest(
        tenant="acme", dataset="support", version=next(versions), sources=(SOURCE,), requested_by="ann"
    )
    await (await client.start_intake(request)).result()
    clock = client.temporal.get_workflow_handle(names.retention_id("acme", "support", request.version))
    first = (await clock.describe()).run_id

    async def begun_anew() -> bool:
        await clock.signal("look_again")
        return (await clock.describe()).run_id != first

    await until(begun_anew)
    kept = await client.retention_status("acme", "support", request.version)
    assert kept.stage == "keeping"

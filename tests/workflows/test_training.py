"""A training tells its trouble: in its status, in search, and as the type of its failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.training import DatasetChoice, Intervention, TrainingRequest

from .asking import until, versions


def asked() -> TrainingRequest:
    return TrainingRequest(
        tenant="acme",
        model="helpdesk",
        version=next(versions),
        base="acme/base",
        datasets=(DatasetChoice(dataset="sha256:" + "e" * 64),),
        requested_by="ann",
    )


async def expect_found(client: AssayClient, request: TrainingRequest, cause: str) -> None:
    """The server finds the workflow by its cause."""
    wanted = names.training_id(request.tenant, request.model, request.version)

    async def found() -> bool:
        return wanted in [one.id async for one in client.temporal.list_workflows(f"{names.CAUSE.name} = '{cause}'")]

    await until(found)


async def test_a_failed_training_shows_its_cause(client: AssayClient, house: Any) -> None:
    house.refused["train"] = "LOSS_NAN"
    request = asked()
    handle = await client.start_training(request)
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "LOSS_NAN"
    status = await client.training_status("acme", "helpdesk", request.version)
    assert (status.stage, status.cause, status.reasons) == ("failed", "LOSS_NAN", ("LOSS_NAN: no",))
    await expect_found(client, request, "LOSS_NAN")


async def test_a_training_that_went_back_says_so_when_it_is_done(client: AssayClient, house: Any) -> None:
    back = Intervention(step=33, cause="LOSS_SPIKE", action="roll-back", back_to=20, learning_rate=5e-4)
    house.trained = house.trained.model_copy(update={"cause": back.cause, "interventions": (back,)})
    request = asked()
    status = await (await client.start_training(request)).result()
    assert (status.stage, status.cause) == ("trained", "LOSS_SPIKE")
    assert status.reasons == ("LOSS_SPIKE at step 33: roll-back to step 20",)
    await expect_found(client, request, "LOSS_SPIKE")


async def test_what_is_drawn_is_shown_before_anything_is_built(client: AssayClient, house: Any) -> None:
    house.gates["train"] = asyncio.Event()
    request = asked()
    handle = await client.start_training(request)

    async def training() -> bool:
        return (await client.training_status("acme", "helpdesk", request.version)).stage == "training"

    await until(training)
    status = await client.training_status("acme", "helpdesk", request.version)
    assert (status.plan, status.result) == (house.plan, None)
    house.gates["train"].set()
    assert (await handle.result()).plan == house.plan

"""One order is one erasure however often it is given; it starts a training again where that was ordered too."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.base import Reference
from assay.contracts.erasure import ErasureRequest, Found, Retraining
from assay.contracts.errors import NotFound
from assay.contracts.policy import Violation
from assay.contracts.training import DatasetChoice, TrainingRequest

from .asking import until, versions

NEW = "sha256:" + "d" * 64


def asked(**fields: Any) -> ErasureRequest:
    subject = f"{next(versions):064x}"
    return ErasureRequest.model_validate({"tenant": "acme", "subject": subject, "requested_by": "pia", **fields})


def planned(house: Any) -> TrainingRequest:
    """A training without the rows, as the erasure plans it."""
    request = TrainingRequest(
        tenant="acme",
        model="helpdesk",
        version=next(versions),
        base="acme/base",
        datasets=(DatasetChoice(dataset=NEW),),
        requested_by="pia",
    )
    stored = Reference(uri=f"blob:{'4' * 64}", sha256="sha256:" + "4" * 64)
    plan = Retraining(tenant="acme", model="helpdesk", version=request.version, request=stored, steps=20, seconds=9)
    house.retraining = {plan: request}
    return request


async def trains(client: AssayClient, house: Any, version: int) -> None:
    async def begun() -> bool:
        status = await client.training_status("acme", "helpdesk", version)
        return status.stage == "training" and "train" in house.begun

    await until(begun)


async def test_the_planned_training_is_started_when_that_was_ordered(client: AssayClient, house: Any) -> None:
    house.gates["train"] = asyncio.Event()
    request = planned(house)
    status = await (await client.start_erasure(asked(retrain=True))).result()
    assert (status.stage, status.retraining) == ("erased", tuple(house.retraining))
    await trains(client, house, request.version)  # longer than the erasure
    house.gates["train"].set()
    handle = client.temporal.get_workflow_handle(names.training_id("acme", "helpdesk", request.version))
    assert (await handle.result())["stage"] == "trained"


async def test_nothing_is_trained_without_an_order(client: AssayClient, house: Any) -> None:
    request = planned(house)
    status = await (await client.start_erasure(asked())).result()
    assert (status.stage, status.retraining) == ("erased", tuple(house.retraining))
    with pytest.raises(NotFound):
        await client.training_status("acme", "helpdesk", request.version)
    assert "train" not in house.begun


async def test_a_number_that_is_being_trained_already_does_not_stop_the_order(client: AssayClient, house: Any) -> None:
    """Another order's, or one that is still being stopped."""
    house.gates["train"] = asyncio.Event()
    request = planned(house)
    next(versions)
    await client.start_training(request)
    await trains(client, house, request.version)
    status = await (await client.start_erasure(asked(retrain=True))).result()
    assert (status.stage, [one.version for one in status.retraining]) == ("erased", [request.version + 1])
    await trains(client, house, request.version + 1)
    house.gates["train"].set()


async def test_the_same_order_twice_at_once_is_one_erasure(client: AssayClient, house: Any) -> None:
    house.holds = ["a1: a lawsuit"]
    order = asked()
    first, second = await asyncio.gather(client.start_erasure(order), client.start_erasure(order))
    assert first.id == second.id == names.erasure_id("acme", order.subject or "")
    assert first.result_run_id == second.result_run_id
    house.holds = []
    await first.signal("look_again")
    assert (await first.result()).case == (await second.result()).case
    assert house.diary.count("withdraw") == house.diary.count("receipt") == 1


async def test_an_order_that_comes_again_after_its_end_finds_nothing_and_ends_well(
    client: AssayClient, house: Any
) -> None:
    order = asked(deadline=timedelta(days=20))
    first = await (await client.start_erasure(order)).result()
    house.own = ()
    second = await (await client.start_erasure(order)).result()
    assert (first.stage, second.stage, second.found) == ("erased", "erased", Found())
    assert second.case != first.case
    assert house.diary.count("receipt") == 2


async def test_an_order_that_its_gate_refuses_changes_nothing_and_says_what_to_do(
    client: AssayClient, house: Any
) -> None:
    why = Violation(code="TENANT_UNKNOWN", msg="nothing at all is known of this tenant", remedy="check its spelling")
    house.forbidding = (why,)
    status = await (await client.start_erasure(asked(tenant="acmee"))).result()
    said = "TENANT_UNKNOWN: nothing at all is known of this tenant (remedy: check its spelling)"
    assert (status.stage, status.reasons, status.receipt) == ("refused", (said,), None)
    assert house.diary == []

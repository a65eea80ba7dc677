"""Whatever works on a lineage when rows of it have to go stops, puts right what it began, and says why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.base import Message
from assay.contracts.erasure import ErasureRequest, StopNotice
from assay.contracts.evaluation import EvaluationRequest
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import PromotionRequest
from assay.contracts.rollout import RolloutRequest
from assay.contracts.training import DatasetChoice, TrainingRequest

from .asking import PLAN, approve, awaiting, until, versions, wanted

BEFORE = "sha256:" + "3" * 64
CASE = "acme.51d0e2aa17cc"
WORKERS = {
    "training": names.training_id,
    "evaluation": names.evaluation_id,
    "promotion": names.promotion_id,
    "rollout": names.rollout_id,
    "lifecycle": names.lifecycle_id,
}


async def live(client: AssayClient, house: Any, step: str) -> tuple[LifecycleRequest, WorkflowHandle[Any, Any]]:
    """A lifecycle that has come to a step: an arm is evaluated, people are asked, a canary is watched."""
    house.pointers["production"] = BEFORE
    house.verdicts = ["successful"] + ["inconclusive"] * 1000
    if step == "evaluation":
        house.gates["evaluate_arm"] = asyncio.Event()
    request = wanted()
    handle = await client.start_lifecycle(request)
    if step == "promotion":
        await awaiting(client, request, "awaiting approval")
    if step == "rollout":
        await approve(client, request)

    async def there() -> bool:
        if step == "rollout":
            return (await client.rollout_status("acme", "helpdesk", request.version)).stage == "canary"
        return step == "promotion" or "evaluate_arm" in house.begun

    await until(there)
    return request, handle


async def erase(client: AssayClient, house: Any, *working: str) -> str:
    """An erasure that finds these at work; its case."""
    house.working = working
    asked = ErasureRequest(tenant="acme", subject=f"{next(versions):064x}", requested_by="pia")
    status = await (await client.start_erasure(asked)).result()
    assert status.stage == "erased"
    for event in house.gates.values():
        event.set()  # the stand-in does not heartbeat, so it is told of no cancellation: it ends well
    return status.case


async def expect_stopped(client: AssayClient, id_: str, case: str) -> None:
    handle = client.temporal.get_workflow_handle(id_)
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "STOPPED_FOR_ERASURE"
    status: dict[str, Any] = await handle.query("status")
    said = f"STOPPED_FOR_ERASURE: rows that this was made from had to go (case {case})"
    assert (status["stage"], status["reasons"]) == ("failed", [said])


def expect_nothing_moved(house: Any, step: str) -> None:
    assert house.pointers["production"] == BEFORE
    assert "point production" not in house.diary
    assert ("point staging" in house.diary) == (step == "rollout")
    assert not house.on_trial
    routed = [line for line in house.diary if line.startswith(("routes", "trial")) or line in ("warm", "cool")]
    assert routed[-2:] == (["trial withdrawn", "cool"] if step == "rollout" else [])


@pytest.mark.parametrize("step", ["evaluation", "promotion", "rollout"])
async def test_a_step_of_the_same_lineage_stops_and_its_lifecycle_ends_for_the_same_reason(
    client: AssayClient, house: Any, step: str
) -> None:
    request, _ = await live(client, house, step)
    key = ("acme", "helpdesk", request.version)
    case = await erase(client, house, WORKERS[step](*key))
    await expect_stopped(client, WORKERS[step](*key), case)
    await expect_stopped(client, names.lifecycle_id(*key), case)
    expect_nothing_moved(house, step)


@pytest.mark.parametrize("step", ["evaluation", "promotion", "rollout"])
async def test_a_lifecycle_stops_with_the_step_that_it_is_at(client: AssayClient, house: Any, step: str) -> None:
    request, _ = await live(client, house, step)
    key = ("acme", "helpdesk", request.version)
    case = await erase(client, house, names.lifecycle_id(*key))
    await expect_stopped(client, names.lifecycle_id(*key), case)
    child = await client.temporal.get_workflow_handle(WORKERS[step](*key)).describe()
    assert child.status == WorkflowExecutionStatus.CANCELED
    expect_nothing_moved(house, step)


async def test_all_that_may_work_on_a_version_are_told_and_those_that_ended_do_not_mind(
    client: AssayClient, house: Any
) -> None:
    request, _ = await live(client, house, "rollout")
    key = ("acme", "helpdesk", request.version)
    case = await erase(client, house, *(id_of(*key) for id_of in WORKERS.values()), "training/acme/nobody/1")
    await expect_stopped(client, names.rollout_id(*key), case)
    await expect_stopped(client, names.lifecycle_id(*key), case)
    # The receipt names those that were stopped, and nobody who had ended before.
    assert house.done.withdrawn.workflows == (names.lifecycle_id(*key), names.rollout_id(*key))
    expect_nothing_moved(house, "rollout")
    assert (await client.promotion_status(*key)).stage == "staged"
    assert (await client.evaluation_status(*key)).stage == "evaluated"
    assert (await client.training_status(*key)).stage == "trained"


def requests(version: int) -> dict[str, Message]:
    who: dict[str, Any] = {"tenant": "acme", "model": "helpdesk", "version": version, "requested_by": "ann"}
    datasets = (DatasetChoice(dataset="sha256:" + "e" * 64),)
    return {
        "training": TrainingRequest(base="acme/base", datasets=datasets, **who),
        "evaluation": EvaluationRequest(suite="suite.jsonl", **who),
        "promotion": PromotionRequest(**who),
        "rollout": RolloutRequest(plan=PLAN, **who),
        "lifecycle": wanted(version=version),
    }


@pytest.mark.parametrize("kind", sorted(WORKERS))
async def test_who_is_told_before_it_begins_does_nothing(client: AssayClient, house: Any, kind: str) -> None:
    version = next(versions)
    id_ = WORKERS[kind]("acme", "helpdesk", version)
    await client.temporal.start_workflow(
        kind.capitalize(),
        requests(version)[kind],
        id=id_,
        task_queue=names.CONTROL_QUEUE,
        start_signal="stop_for_erasure",
        start_signal_args=[StopNotice(case=CASE)],
    )
    await expect_stopped(client, id_, CASE)
    assert (house.begun, house.diary) == (set(), [])

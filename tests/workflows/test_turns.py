"""Lifecycles of one model at once: trained and evaluated side by side, promoted and rolled out one after another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import NotFound
from assay.contracts.lifecycle import LifecycleRequest, LifecycleStatus
from assay.contracts.promotion import Hold, Release
from assay.contracts.turn import Ticket, TurnQueue

from .asking import approve, awaiting, until, wanted

NO_RUN = "0198a9c2-0000-7000-8000-000000000000"


def lifecycle(request: LifecycleRequest) -> str:
    return names.lifecycle_id(request.tenant, request.model, request.version)


async def status(client: AssayClient, request: LifecycleRequest) -> LifecycleStatus:
    return await client.lifecycle_status(request.tenant, request.model, request.version)


async def until_it_waits(client: AssayClient, request: LifecycleRequest, waits_for: str) -> None:
    async def waits() -> bool:
        said = await status(client, request)
        return (said.stage, said.waits_for) == ("waiting", waits_for)

    await until(waits)


async def queue_ends(client: AssayClient, model: str) -> None:
    """Nobody is left in the queue, so that it has ended."""

    async def ended() -> bool:
        described = await client.temporal.get_workflow_handle(names.turn_id("acme", model)).describe()
        return described.close_time is not None

    await until(ended)


async def test_the_second_trains_at_once_and_is_promoted_when_the_first_has_ended(
    client: AssayClient, house: Any
) -> None:
    first, second = wanted(), wanted()
    handles = [await client.start_lifecycle(first)]
    await awaiting(client, first, "awaiting approval")
    handles.append(await client.start_lifecycle(second))
    await until_it_waits(client, second, lifecycle(first))
    assert sum(line.startswith("train") for line in house.diary) == 2
    with pytest.raises(NotFound):
        await client.promotion_status(second.tenant, second.model, second.version)
    await approve(client, first)
    assert (await handles[0].result()).stage == "production"
    await approve(client, second)
    ended = await handles[1].result()
    assert (ended.stage, ended.waits_for) == ("production", None)
    assert house.diary.count("point production") == 2
    await queue_ends(client, "helpdesk")


async def test_versions_that_race_are_promoted_one_at_a_time(client: AssayClient, house: Any) -> None:
    requests = [wanted() for _ in range(6)]
    handles = [await client.start_lifecycle(request) for request in reversed(requests)]
    approvals = [asyncio.create_task(approve(client, request)) for request in requests]
    ended = [await handle.result() for handle in handles]
    await asyncio.gather(*approvals)
    assert {one.stage for one in ended} == {"production"}
    # A promotion points staging, its rollout points production: they never interleave.
    assert [line for line in house.diary if line.startswith("point")] == ["point staging", "point production"] * 6
    await queue_ends(client, "helpdesk")


@pytest.mark.parametrize("how", ["cancel", "terminate"])
async def test_the_turn_passes_on_however_its_holder_ends(client: AssayClient, how: str) -> None:
    first, second = wanted(), wanted()
    handle = await client.start_lifecycle(first)
    await awaiting(client, first, "awaiting approval")
    await client.start_lifecycle(second)
    await until_it_waits(client, second, lifecycle(first))
    await getattr(handle, how)()
    await awaiting(client, second, "awaiting approval")


async def test_who_leaves_the_queue_holds_nobody_up(client: AssayClient) -> None:
    first, second, third = wanted(), wanted(), wanted()
    handles = []
    for request, ahead in ((first, None), (second, first), (third, second)):
        handles.append(await client.start_lifecycle(request))
        if ahead is None:
            await awaiting(client, request, "awaiting approval")
        else:
            await until_it_waits(client, request, lifecycle(ahead))
    await handles[1].cancel()
    await until_it_waits(client, third, lifecycle(first))
    await approve(client, first)
    await awaiting(client, third, "awaiting approval")


async def test_other_models_do_not_wait(client: AssayClient) -> None:
    first, other, elsewhere = wanted(), wanted(model="concierge"), wanted(tenant="globex")
    for request in (first, other, elsewhere):
        await client.start_lifecycle(request)
    for request in (first, other, elsewhere):
        await awaiting(client, request, "awaiting approval")
        assert (await status(client, request)).waits_for is None


async def test_a_held_lifecycle_does_not_take_a_place(client: AssayClient, house: Any) -> None:
    first, second = wanted(), wanted()
    house.gates["evaluate_arm"] = asyncio.Event()
    await client.start_lifecycle(first)
    await until(lambda: evaluating(client, first))
    await client.hold(lifecycle(first), Hold(actor="eve", reason="freeze"))
    house.gates["evaluate_arm"].set()
    await client.start_lifecycle(second)
    await awaiting(client, second, "awaiting approval")
    await client.release(lifecycle(first), Release(actor="eve"))
    await until_it_waits(client, first, lifecycle(second))


async def evaluating(client: AssayClient, request: LifecycleRequest) -> bool:
    return (await status(client, request)).stage == "evaluation"


async def test_one_dataset_version_is_screened_once_at_a_time(client: AssayClient, house: Any) -> None:
    first = wanted()
    other = wanted(model="concierge", version=first.version)
    house.gates["scan_shard"] = asyncio.Event()
    await client.start_lifecycle(first)
    intake = names.intake_id("acme", "support", first.version)

    async def screening() -> bool:
        return (await status(client, first)).child == intake and "scan_shard" in house.begun

    await until(screening)
    await client.start_lifecycle(other)
    await until_it_waits(client, other, intake)
    house.gates["scan_shard"].set()
    for request in (first, other):
        await awaiting(client, request, "awaiting approval")


async def test_a_queue_that_many_pass_through_goes_on_in_new_runs(client: AssayClient) -> None:
    """The server suggests it after 100 events here. Who stands in it with no lifecycle behind it is found out."""
    first, second = wanted(), wanted()
    await client.start_lifecycle(first)
    await awaiting(client, first, "awaiting approval")
    await client.start_lifecycle(second)
    await until_it_waits(client, second, lifecycle(first))
    turn = client.temporal.get_workflow_handle(names.turn_id("acme", "helpdesk"))

    async def two_stand_in_it() -> bool:
        queue = await turn.query("status", result_type=TurnQueue)
        return [ticket.lifecycle for ticket in queue.queue] == [lifecycle(first), lifecycle(second)]

    run = (await turn.describe()).run_id
    for number in range(20):
        await turn.signal(
            "enter", Ticket(place=f"place/{number}", lifecycle="lifecycle/acme/helpdesk/never", run=NO_RUN)
        )
        await until(two_stand_in_it)
    assert (await turn.describe()).run_id != run
    await approve(client, first)
    await awaiting(client, second, "awaiting approval")


async def test_a_place_that_a_former_run_left_behind_is_passed_over(client: AssayClient, house: Any) -> None:
    """A lifecycle that was ended and started anew is not told what is meant for the run before: it has no place yet."""
    first, second = wanted(model="former"), wanted(model="former")
    await client.start_lifecycle(first)
    await awaiting(client, first, "awaiting approval")
    handle = await client.start_lifecycle(second)
    await until_it_waits(client, second, lifecycle(first))
    run = (await handle.describe()).run_id
    place = names.place_id(second.tenant, second.model, second.version, run)
    await client.temporal.get_workflow_handle(place).terminate("it says no more that it leaves")
    await handle.terminate()
    house.gates["evaluate_arm"] = asyncio.Event()
    await client.start_lifecycle(second)
    await until(lambda: evaluating(client, second))
    await approve(client, first)
    await queue_ends(client, "former")
    assert (await status(client, second)).waits_for is None
    house.gates["evaluate_arm"].set()
    await awaiting(client, second, "awaiting approval")


@pytest.mark.parametrize("queue_is_lost", [False, True])
async def test_a_lifecycle_whose_place_was_ended_takes_another(client: AssayClient, queue_is_lost: bool) -> None:
    model = f"ended-{queue_is_lost}".lower()
    first, second = wanted(model=model), wanted(model=model)
    held = await client.start_lifecycle(first)
    await awaiting(client, first, "awaiting approval")
    handle = await client.start_lifecycle(second)
    await until_it_waits(client, second, lifecycle(first))
    place = names.place_id(second.tenant, second.model, second.version, (await handle.describe()).run_id)
    if queue_is_lost:
        await client.temporal.get_workflow_handle(names.turn_id("acme", model)).terminate()
        await approve(client, first)
        await held.result()
    await client.temporal.get_workflow_handle(place).cancel()
    if not queue_is_lost:
        await approve(client, first)
    await awaiting(client, second, "awaiting approval")


async def test_a_queue_cannot_be_cancelled_or_stopped_by_rubbish(client: AssayClient) -> None:
    first, second = wanted(model="rubbish"), wanted(model="rubbish")
    await client.start_lifecycle(first)
    await awaiting(client, first, "awaiting approval")
    await client.start_lifecycle(second)
    await until_it_waits(client, second, lifecycle(first))
    turn = client.temporal.get_workflow_handle(names.turn_id("acme", "rubbish"))
    for number, changed in enumerate(
        ({"lifecycle": ""}, {"lifecycle": "x" * 2000}, {"run": "x"}, {"place": "x" * 2000})
    ):
        ticket = {"place": f"place/{number}", "lifecycle": lifecycle(second), "run": NO_RUN}
        await turn.signal("enter", {**ticket, **changed})
    await turn.cancel()
    for request in (first, second):
        await approve(client, request)
    await queue_ends(client, "rubbish")

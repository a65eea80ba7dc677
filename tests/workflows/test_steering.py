"""Holds, quorums, long canaries, silent gateways, and starts without an input."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import PolicyRefused
from assay.contracts.evaluation import EvaluationRequest
from assay.contracts.policy import Violation
from assay.contracts.promotion import Hold, PromotionRequest, Release
from assay.contracts.rollout import AnalysisRules, RolloutRequest, RootCause
from assay.contracts.training import DatasetChoice, TrainingRequest

from .asking import PLAN, approve, until, versions, wanted

ONE_MORE = Violation(code="QUORUM_NOT_MET", msg="approvals that count: 1", remedy="have more reviewers approve")


async def test_a_hold_while_the_gate_is_asked_keeps_the_pointer_still(client: AssayClient, house: Any) -> None:
    house.gates["decide_release"] = asyncio.Event()
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    promotion = names.promotion_id("acme", "helpdesk", request.version)

    async def asked() -> bool:
        return "decide_release" in house.begun

    await until(asked)
    await client.hold(promotion, Hold(actor="eve", reason="freeze"))
    house.gates["decide_release"].set()
    await asyncio.sleep(0.5)
    assert "point staging" not in house.diary
    await client.release(promotion, Release(actor="eve"))
    assert (await handle.result()).stage == "production"
    assert house.diary.count("attest release yes") == 2  # the facts may have changed meanwhile


async def test_a_held_rollout_without_canary_is_not_promoted(client: AssayClient, house: Any) -> None:
    house.gates["warm_version"] = asyncio.Event()
    request = wanted(rollout=PLAN.model_copy(update={"shadow": None, "canary": ()}))
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    rollout = names.rollout_id("acme", "helpdesk", request.version)

    async def warming() -> bool:
        return "warm_version" in house.begun

    await until(warming)
    await client.hold(rollout, Hold(actor="eve", reason="freeze"))
    house.gates["warm_version"].set()
    await asyncio.sleep(0.5)
    assert "point production" not in house.diary
    with pytest.raises(PolicyRefused, match="held already"):
        await client.hold(rollout, Hold(actor="eve", reason="freeze"))
    await client.release(rollout, Release(actor="eve"))
    assert (await handle.result()).stage == "production"


async def test_a_hold_while_the_routes_gate_is_asked_keeps_it_out_of_production(
    client: AssayClient, house: Any
) -> None:
    house.gates["permit_routes"] = asyncio.Event()
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    rollout = names.rollout_id("acme", "helpdesk", request.version)

    async def asked() -> bool:
        return "permit_routes" in house.begun

    await until(asked)
    await client.hold(rollout, Hold(actor="eve", reason="freeze"))
    house.gates["permit_routes"].set()
    await asyncio.sleep(0.5)
    assert "point production" not in house.diary
    await client.release(rollout, Release(actor="eve"))
    assert (await handle.result()).stage == "production"


async def test_an_incident_closed_elsewhere_ends_its_rollout(client: AssayClient, house: Any) -> None:
    house.verdicts = ["successful", "failed"]
    house.refused["close_incident"] = "INCIDENT_CLOSED"
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)

    async def rolled_back() -> bool:
        return (await client.rollout_status("acme", "helpdesk", request.version)).stage == "awaiting root cause"

    await until(rolled_back)
    cause = RootCause(actor="bob", cause="no replay", action="replay is back")
    await client.record_root_cause("acme", "helpdesk", request.version, cause)
    assert (await handle.result()).stage == "rolled back"


async def test_a_house_that_wants_more_people_than_the_request_gets_them(client: AssayClient, house: Any) -> None:
    house.release = [(ONE_MORE,)]
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)

    async def asked_again() -> bool:
        status = await client.promotion_status("acme", "helpdesk", request.version)
        return status.stage == "awaiting approval" and len(status.approvals) == 1

    await until(asked_again)
    status = await client.promotion_status("acme", "helpdesk", request.version)
    assert status.reasons == ("QUORUM_NOT_MET: approvals that count: 1",)
    await approve(client, request, reviewer="eve")
    assert (await handle.result()).stage == "production"


async def test_a_canary_that_is_watched_for_long_goes_on_in_a_new_run(client: AssayClient, house: Any) -> None:
    house.verdicts = ["successful"] + ["inconclusive"] * 15
    rules = AnalysisRules(interval=timedelta(milliseconds=1))
    request = wanted(rollout=PLAN.model_copy(update={"analysis": rules}))
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    assert (await handle.result()).stage == "production"
    runs = [
        one.status
        async for one in client.temporal.list_workflows(
            f"WorkflowId = '{names.rollout_id('acme', 'helpdesk', request.version)}'"
        )
    ]
    assert WorkflowExecutionStatus.CONTINUED_AS_NEW in runs
    assert [line for line in house.diary if line.startswith("routes base")] == [
        "routes base canary 0 shadow 20",
        "routes base canary 10 shadow 0",
        "routes base canary 50 shadow 0",
    ]


async def test_gateways_that_stay_silent_are_no_data(client: AssayClient, house: Any) -> None:
    house.refused["analyse_canary"] = "AWAY"
    rules = AnalysisRules(interval=timedelta(milliseconds=50), step_timeout=timedelta(milliseconds=100))
    plan = PLAN.model_copy(update={"analysis": rules, "root_cause_deadline": timedelta(milliseconds=100)})
    request = wanted(rollout=plan)
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    status = await handle.result()
    assert status.stage == "rolled back"
    assert status.reasons[0].startswith("NO_DATA")
    assert "incident opened" in house.diary


@pytest.mark.parametrize("kind", ["Lifecycle", "Intake", "Training", "Evaluation", "Promotion", "Rollout"])
async def test_a_start_without_input_fails_at_once(client: AssayClient, kind: str) -> None:
    with pytest.raises(WorkflowFailureError) as failure:
        await client.temporal.execute_workflow(kind, id=f"nothing/{kind}", task_queue=names.CONTROL_QUEUE)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "INPUT_MISSING"


async def test_each_step_can_be_started_by_itself_and_by_name(client: AssayClient, house: Any) -> None:
    who: dict[str, Any] = {"tenant": "acme", "model": "helpdesk", "version": next(versions), "requested_by": "ann"}
    asked = TrainingRequest(base="acme/base", datasets=(DatasetChoice(dataset="sha256:" + "e" * 64),), **who)
    assert (await (await client.start_training(asked)).result()).stage == "trained"
    evaluation = await client.start_evaluation(EvaluationRequest(suite="suite.jsonl", **who))
    assert (await evaluation.result()).stage == "evaluated"
    promotion = await client.start_promotion(PromotionRequest(**who))
    await approve(client, wanted(version=who["version"]))
    assert (await promotion.result()).stage == "staged"
    rollout = await client.start_rollout(RolloutRequest(plan=PLAN, **who))
    status = await rollout.result()
    assert status.stage == "promoted"
    assert house.pointers["production"] == house.pointers["staging"]

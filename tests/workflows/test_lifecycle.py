"""The whole way on a real server: happy, refused, rolled back, held, cancelled, misspelt."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import NotFound, PolicyRefused
from assay.contracts.policy import Violation
from assay.contracts.promotion import Approval, Hold, Override, Rejection, Release
from assay.contracts.rollout import AnalysisRules, RootCause

from .asking import PLAN, approve, awaiting, until, wanted

FORGOT = Violation(code="EVAL_CHAT_REGRESSION", msg="it forgot how to talk", remedy="replay chat", overridable=True)
BROKEN = Violation(code="SIGNATURE_MISSING", msg="not signed", remedy="sign it")


async def test_an_approved_version_reaches_production_through_shadow_and_canary(
    client: AssayClient, house: Any
) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    status = await handle.result()
    assert status.stage == "production"
    assert house.pointers["production"] == status.version
    assert f"scanned beside {house.suite.sha256}" in house.diary
    routes = [line for line in house.diary if line.startswith("routes")]
    assert routes == [
        "routes base canary 0 shadow 20",
        "routes base canary 10 shadow 0",
        "routes base canary 50 shadow 0",
        "routes permitted",
        "routes sha256:a canary 0 shadow 0",
    ]
    assert [line for line in house.diary if line.startswith("attest")] == ["attest review yes", "attest release yes"]


async def test_checkpoints_are_compared_before_the_best_is_reported(client: AssayClient, house: Any) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    await handle.result()
    assert [line for line in house.diary if line.startswith("evaluate")] == [
        "evaluate select step-10",
        "evaluate select step-20",
        "evaluate report base",
        "evaluate report base+schema",
        "evaluate report step-10",
        "evaluate report step-10+schema",
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reviewer": "ann"}, "the requester cannot approve"),
        ({"card_diff": "sha256:" + "0" * 64}, "another card diff"),
    ],
)
async def test_a_refused_approval_reaches_its_sender(client: AssayClient, changes: dict[str, str], why: str) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    diff = await awaiting(client, request, "awaiting approval")
    approval = Approval(**{"reviewer": "bob", "role": "owner", "card_diff": diff, **changes})
    with pytest.raises(PolicyRefused, match=why):
        await client.approve(request.tenant, request.model, request.version, approval)
    await handle.cancel()


async def test_an_approval_by_signal_counts_and_a_stale_one_is_ignored(client: AssayClient) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    diff = await awaiting(client, request, "awaiting approval")
    promotion = client.temporal.get_workflow_handle(names.promotion_id("acme", "helpdesk", request.version))
    await promotion.signal("approve", Approval(reviewer="bob", role="owner", card_diff="sha256:" + "0" * 64))
    assert not (await client.promotion_status("acme", "helpdesk", request.version)).approvals
    await promotion.signal("approve", Approval(reviewer="bob", role="owner", card_diff=diff))
    assert (await handle.result()).stage == "production"


async def test_a_reviewers_no_ends_it_with_the_reason(client: AssayClient, house: Any) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    diff = await awaiting(client, request, "awaiting approval")
    no = Rejection(reviewer="bob", role="owner", card_diff=diff, reason="too slow")
    await client.reject("acme", "helpdesk", request.version, no)
    assert (await handle.result()).reasons == ("REJECTED: too slow",)
    assert house.pointers == {}


async def test_what_may_not_be_overridden_is_refused_at_once(client: AssayClient, house: Any) -> None:
    house.review = [(FORGOT, BROKEN)]
    handle = await client.start_lifecycle(wanted())
    status = await handle.result()
    assert status.stage == "refused"
    assert "SIGNATURE_MISSING: not signed" in status.reasons


async def test_an_override_is_recorded_and_asked_again(client: AssayClient, house: Any) -> None:
    house.review = [(FORGOT,)]
    request = wanted()
    handle = await client.start_lifecycle(request)
    diff = await awaiting(client, request, "awaiting override")
    with pytest.raises(PolicyRefused, match="not overridable here: SIGNATURE_MISSING"):
        await client.override("acme", "helpdesk", request.version, override(diff, "SIGNATURE_MISSING"))
    await client.override("acme", "helpdesk", request.version, override(diff, FORGOT.code))
    await approve(client, request, reviewer="eve")
    assert (await handle.result()).stage == "production"
    status = await client.promotion_status("acme", "helpdesk", request.version)
    assert [o.reviewer for o in status.overrides] == ["bob"]


def override(diff: str, code: str) -> Override:
    return Override(reviewer="bob", role="risk", card_diff=diff, codes=(code,), reason="drill")


async def test_a_failed_canary_goes_back_and_waits_for_its_root_cause(client: AssayClient, house: Any) -> None:
    house.verdicts = ["successful", "inconclusive", "failed"]
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)

    async def rolled_back() -> bool:
        status = await client.rollout_status("acme", "helpdesk", request.version)
        return status.stage == "awaiting root cause" and house.diary[-1] == "cool"  # unloaded while people look for it

    await until(rolled_back)
    assert house.pointers.get("production") is None
    assert house.diary[-3:] == ["trial withdrawn", "incident opened", "cool"]
    cause = RootCause(actor="bob", cause="no replay", action="added replay")
    await client.record_root_cause("acme", "helpdesk", request.version, cause)
    assert (await handle.result()).stage == "rolled back"
    assert house.diary[-1] == "incident closed"


async def test_no_data_is_a_failure_when_the_step_times_out(client: AssayClient, house: Any) -> None:
    house.verdicts = ["successful"] + ["inconclusive"] * 100
    rules = AnalysisRules(interval=timedelta(milliseconds=20), step_timeout=timedelta(milliseconds=200))
    plan = PLAN.model_copy(update={"analysis": rules, "root_cause_deadline": timedelta(milliseconds=100)})
    request = wanted(rollout=plan)
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    status = await handle.result()
    assert status.stage == "rolled back"
    assert status.reasons[0].startswith("NO_DATA")


async def test_a_gate_that_is_down_delays_and_does_not_pass(client: AssayClient, house: Any) -> None:
    house.gate_down = 2
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)
    assert (await handle.result()).stage == "production"
    assert house.gate_down == 0


async def test_hold_stops_the_pointer_until_release(client: AssayClient, house: Any) -> None:
    request = wanted()
    handle = await client.start_lifecycle(request)
    await awaiting(client, request, "awaiting approval")
    promotion = names.promotion_id("acme", "helpdesk", request.version)
    await client.hold(promotion, Hold(actor="eve", reason="freeze"))
    await approve(client, request)
    await asyncio.sleep(0.3)
    assert "point staging" not in house.diary
    await client.release(promotion, Release(actor="eve"))
    assert (await handle.result()).stage == "production"
    with pytest.raises(NotFound, match="may have ended"):
        await client.release(promotion, Release(actor="eve"))


async def test_cancelling_in_the_canary_puts_the_routes_back(client: AssayClient, house: Any) -> None:
    house.verdicts = ["successful"] + ["inconclusive"] * 1000
    request = wanted()
    handle = await client.start_lifecycle(request)
    await approve(client, request)

    async def in_canary() -> bool:
        return (await client.rollout_status("acme", "helpdesk", request.version)).stage == "canary"

    await until(in_canary)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert house.diary[-2:] == ["trial withdrawn", "cool"]
    assert house.pointers.get("production") is None


async def test_a_misspelt_field_fails_the_start_and_is_named(client: AssayClient) -> None:
    bad = {**wanted().model_dump(mode="json"), "modell": "helpdesk"}
    with pytest.raises(WorkflowFailureError) as failure:
        await client.temporal.execute_workflow("Lifecycle", bad, id="misspelt", task_queue=names.CONTROL_QUEUE)
    assert isinstance(failure.value.cause, ApplicationError)
    assert "modell" in str(failure.value.cause.details)
    assert failure.value.cause.failure is not None
    assert failure.value.cause.failure.stack_trace == ""


async def test_an_absent_base_fails_with_its_code(client: AssayClient) -> None:
    handle = await client.start_lifecycle(wanted(base="nobody/nothing"))
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "BASE_UNKNOWN"


async def test_starting_twice_finds_the_same_lifecycle(client: AssayClient) -> None:
    request = wanted()
    first, second = await client.start_lifecycle(request), await client.start_lifecycle(request)
    assert first.first_execution_run_id == second.first_execution_run_id or first.result_run_id == second.result_run_id
    await first.cancel()

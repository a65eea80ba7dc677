"""Somebody wants a version in production that nobody else has looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.errors import NotFound, PolicyRefused
from assay.contracts.policy import Violation
from assay.contracts.promotion import Approval, ApprovalRules, PromotionRequest, PromotionStatus
from assay.contracts.rollout import PinnedRollout, RolloutRequest, RolloutState, RolloutStatus
from assay.settings import Settings
from workers.plugin import plugin
from workers.run import WorkerKind, make_current, make_worker
from workflows import ALL

from .conftest import APPROVALS
from .promoting import ADAPTER, BASE, DIFF, Yes, sha

versions = count(1)
REQUESTER = "ann@acme.example"
FORGOTTEN = Violation(code="CHAT_FORGOTTEN", msg="it forgot", remedy="x", overridable=True)
TAMPERED = Violation(code="SIGNATURE_INVALID", msg="no", remedy="x", overridable=False)


@pytest.fixture(scope="module")
def house() -> Yes:
    return Yes()


@pytest.fixture(scope="module")
async def client(server: WorkflowEnvironment, house: Yes) -> AsyncIterator[AssayClient]:
    config = server.client.config()
    settings = Settings(temporal_namespace=APPROVALS)
    connected = Client(**{**config, "namespace": APPROVALS, "plugins": [plugin(settings)]})
    kinds = [
        WorkerKind("serving", names.SERVING_QUEUE, 0, house.all()),
        WorkerKind("control", names.CONTROL_QUEUE, 0, house.all(), ALL),
    ]
    async with AsyncExitStack() as running:
        for kind in kinds:
            await running.enter_async_context(make_worker(connected, settings, kind, grace=timedelta(0)))
        await make_current(connected, settings)
        yield AssayClient(connected)


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await ready():  # noqa: ASYNC110  # it is in the server
            await asyncio.sleep(0.05)


async def waiting(client: AssayClient, stage: str = "awaiting approval", **rules: Any) -> int:
    """The version number of a promotion that stands there."""
    version = next(versions)
    await client.start_promotion(
        PromotionRequest(
            tenant="acme",
            model="helpdesk",
            version=version,
            rules=ApprovalRules(override_window=timedelta(seconds=30), **rules),
            requested_by=REQUESTER,
        )
    )

    async def there() -> bool:
        try:
            return (await client.promotion_status("acme", "helpdesk", version)).stage == stage
        except NotFound:
            return False

    await until(there)
    return version


def yes(reviewer: str = "bob@acme.example", diff: str = DIFF, **more: Any) -> dict[str, Any]:
    return {"reviewer": reviewer, "role": "owner", "card_diff": diff, **more}


async def refused(client: AssayClient, version: int, name: str, message: object) -> str:
    """What an update that must not count says."""
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{version}")
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await handle.execute_update(name, message)
    assert isinstance(error.value.cause, ApplicationError)
    status = await client.promotion_status("acme", "helpdesk", version)
    assert (status.approvals, status.overrides, status.rejection) == ((), (), None)
    return str(error.value.cause)


HIMSELF = {
    "as he is": REQUESTER,
    "upper case": REQUESTER.upper(),
    "blanks": f"  {REQUESTER}\t",
    "full width": "\uff41\uff4e\uff4e@acme.example",
    "full width at": "ann\uff20acme.example",
    "mathematical": "\U0001d41a\U0001d427\U0001d427@acme.example",
    "cyrillic": "\u0430nn@acme.example",
    "cyrillic domain": "ann@\u0430cme.example",
    "greek": "ann@acme.ex\u03b1mple",
    "latin alpha": "\u0251nn@acme.example",
    "zero width": "an\u200bn@acme.example",
    "soft hyphen": "an\u00adn@acme.example",
    "byte order mark": "\ufeffann@acme.example",
    "right to left": "\u202eann@acme.example",
    "combining joiner": "ann\u034f@acme.example",
    "variation selector": "ann\ufe0f@acme.example",
    "filler": "ann\u3164@acme.example",
    "no-break space": "\u00a0ann@acme.example",
    "tag": "ann+review@acme.example",
    "two tags": "ann+a+b@acme.example",
    "tag in full width": "ann\uff0breview@acme.example",
    "NUL": "ann@acme.example\0",
    "new line": "ann@acme.example\n",
}


@pytest.fixture(scope="module")
async def standing(client: AssayClient) -> int:
    """One promotion that waits, for attacks that change nothing."""
    return await waiting(client)


@pytest.mark.parametrize("reviewer", HIMSELF.values(), ids=HIMSELF.keys())
async def test_nobody_approves_his_own_request(client: AssayClient, standing: int, reviewer: str) -> None:
    said = await refused(client, standing, "approve", yes(reviewer))
    assert "the requester cannot approve" in said or "reviewer: Value error, a name has" in said
    # An alias that has no answer takes no more than the update does.
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{standing}")
    await handle.signal("approve", yes(reviewer))
    assert (await client.promotion_status("acme", "helpdesk", standing)).approvals == ()


UPDATES: dict[str, tuple[str, Any]] = {
    "an older diff": ("approve", yes(diff=sha("9"))),
    "no diff": ("approve", {"reviewer": "bob", "role": "owner"}),
    "diff of another form": ("approve", yes(diff="d" * 64)),
    "diff with a new line": ("approve", yes(diff=DIFF + "\n")),
    "diff in capitals": ("approve", yes(diff=DIFF.upper())),
    "a role that is none": ("approve", yes(role="admin")),
    "role in capitals": ("approve", yes(role="Owner")),
    "role as a list": ("approve", yes(role=["owner"])),
    "no reviewer": ("approve", yes("")),
    "blank reviewer": ("approve", yes(" \t")),
    "reviewer of 2000": ("approve", yes("b" * 2000)),
    "reviewer is null": ("approve", yes(reviewer=None)),  # type: ignore[arg-type]
    "an extra field": ("approve", yes(approved=True)),
    "a comment of 1 MB": ("approve", yes(comment="x" * (1 << 20))),
    "text": ("approve", "yes"),
    "a list": ("approve", [yes()]),
    "nothing": ("approve", None),
    "number": ("approve", 7),
    "reject without a reason": ("reject", yes()),
    "reject an older diff": ("reject", yes(diff=sha("9"), reason="no")),
    "override while nothing is refused": ("override", yes(codes=["CHAT_FORGOTTEN"], reason="x")),
    "override of nothing": ("override", yes(codes=[], reason="x")),
    "override of 100,000 codes": ("override", yes(codes=["CHAT_FORGOTTEN"] * 100_000, reason="x")),
    "release what is not held": ("release", {"actor": "bob"}),
    "hold without a reason": ("hold", {"actor": "bob", "reason": ""}),
    "an update that is none": ("stage", {}),
    "an update of the SDK": ("__temporal_update", {}),
}


@pytest.mark.parametrize(("name", "message"), UPDATES.values(), ids=UPDATES.keys())
async def test_no_malformed_or_stale_word_counts(client: AssayClient, standing: int, name: str, message: Any) -> None:
    said = await refused(client, standing, name, message)
    assert len(said) < 3000
    assert (await client.promotion_status("acme", "helpdesk", standing)).stage == "awaiting approval"


SIGNALS: dict[str, Any] = {
    "text": "yes",
    "number": 1,
    "null": None,
    "list": [yes(), yes("carol")],
    "deep": RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 100_000)),
    "no JSON": RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{")),
    "unknown encoding": RawValue(Payload(metadata={"encoding": b"x/y"}, data=b"{}")),
    "bytes": b"\xff",
    "stale": yes(diff=sha("9")),
    "extra field": yes(approved=True),
    "1 MB": "x" * (1 << 20),
}
ARGUMENTS: dict[str, list[Any]] = {"none": [], "two": [yes(), yes("carol")], "three": [1, None, "x"]}


@pytest.mark.parametrize("message", SIGNALS.values(), ids=SIGNALS.keys())
@pytest.mark.parametrize("name", ["approve", "reject", "no-such-signal", "__temporal_signal"])
async def test_no_signal_counts_or_stops_the_workflow(
    client: AssayClient, standing: int, name: str, message: Any
) -> None:
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{standing}")
    await handle.signal(name, message)
    status = await client.promotion_status("acme", "helpdesk", standing)
    assert (status.stage, status.approvals, status.rejection) == ("awaiting approval", (), None)


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS.keys())
async def test_no_number_of_arguments_counts_or_stops_the_workflow(
    client: AssayClient, standing: int, arguments: list[Any]
) -> None:
    """The SDK alone fails the workflow task for a signal with an argument too many, again and again."""
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{standing}")
    await handle.signal("approve", args=arguments)
    for name in ("approve", "reject", "override", "hold", "release"):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(name, args=arguments)
    status = await client.promotion_status("acme", "helpdesk", standing)
    assert (status.stage, status.approvals, status.held) == ("awaiting approval", (), False)


async def test_the_same_approval_twice_is_one(client: AssayClient, house: Yes) -> None:
    version = await waiting(client, roles_required=("owner", "safety"))
    await client.approve("acme", "helpdesk", version, Approval(**yes()))
    for again in (yes(), yes("BOB@acme.example"), yes(role="safety"), yes("bob+2@acme.example", role="safety")):
        with pytest.raises(PolicyRefused, match="has approved already"):
            await client.approve("acme", "helpdesk", version, Approval(**again))
    status = await client.promotion_status("acme", "helpdesk", version)
    assert (status.stage, len(status.approvals)) == ("awaiting approval", 1)
    await client.approve("acme", "helpdesk", version, Approval(**yes("sam@acme.example", role="safety")))
    await until(lambda: _is(client, version, "staged"))
    with pytest.raises((PolicyRefused, NotFound)):
        await client.approve("acme", "helpdesk", version, Approval(**yes("eve@acme.example")))
    assert len([move for move in house.moved if move.reason.endswith(f"version {version}")]) == 1


async def _is(client: AssayClient, version: int, stage: str) -> bool:
    return (await client.promotion_status("acme", "helpdesk", version)).stage == stage


async def test_an_approval_counts_for_the_workflow_that_it_was_given_to(client: AssayClient, standing: int) -> None:
    """Two promotions of the same weights have the same diff: what bob said of one says nothing of the other."""
    other = await waiting(client)
    await client.approve("acme", "helpdesk", other, Approval(**yes()))
    await until(lambda: _is(client, other, "staged"))
    assert (await client.promotion_status("acme", "helpdesk", standing)).approvals == ()


async def test_an_approval_after_the_deadline_comes_too_late(client: AssayClient) -> None:
    version = await waiting(client, stage="expired", deadline=timedelta(milliseconds=1))
    with pytest.raises((PolicyRefused, NotFound)):
        await client.approve("acme", "helpdesk", version, Approval(**yes()))


async def test_a_rejected_promotion_cannot_be_approved(client: AssayClient, house: Yes) -> None:
    version = await waiting(client)
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{version}")
    await handle.execute_update("reject", {**yes(), "reason": "no"})
    with pytest.raises((PolicyRefused, NotFound)):
        await client.approve("acme", "helpdesk", version, Approval(**yes("carol")))
    await until(lambda: _is(client, version, "rejected"))
    assert not [move for move in house.moved if move.reason.endswith(f"version {version}")]


OVERRIDES: dict[str, dict[str, Any]] = {
    "what may not be overridden": yes(codes=["SIGNATURE_INVALID"], reason="x"),
    "both": yes(codes=["CHAT_FORGOTTEN", "SIGNATURE_INVALID"], reason="x"),
    "what was not refused": yes(codes=["PRODUCTION_REGRESSION"], reason="x"),
    "pattern": yes(codes=["*"], reason="x"),
    "lower case": yes(codes=["chat_forgotten"], reason="x"),
    "look-alike": yes(codes=["CHAT_F\u041eRGOTTEN"], reason="x"),
    "empty code": yes(codes=[""], reason="x"),
    "no reason": yes(codes=["CHAT_FORGOTTEN"], reason=""),
    "by the requester": yes(REQUESTER, codes=["CHAT_FORGOTTEN"], reason="x"),
    "by the requester under a tag": yes("ann+x@acme.example", codes=["CHAT_FORGOTTEN"], reason="x"),
    "of an older diff": yes(diff=sha("9"), codes=["CHAT_FORGOTTEN"], reason="x"),
}


@pytest.fixture(scope="module")
async def overridable(client: AssayClient, house: Yes) -> int:
    house.review.append((FORGOTTEN,))
    return await waiting(client, "awaiting override")


@pytest.mark.parametrize("message", OVERRIDES.values(), ids=OVERRIDES.keys())
async def test_no_override_but_of_what_may_be(client: AssayClient, overridable: int, message: dict[str, Any]) -> None:
    assert await refused(client, overridable, "override", message)


async def test_a_refusal_that_may_not_be_overridden_ends_it(client: AssayClient, house: Yes) -> None:
    house.review.append((FORGOTTEN, TAMPERED))
    version = await waiting(client, "refused")
    with pytest.raises((PolicyRefused, NotFound)):
        await client.approve("acme", "helpdesk", version, Approval(**yes()))


async def test_a_crowd_cannot_make_a_promotion_too_large_to_go_on(client: AssayClient, house: Yes) -> None:
    """Each word is small; ten thousand of them would not fit into one message to the gate."""
    version = await waiting(client, roles_required=("owner", "legal"))
    handle = client.temporal.get_workflow_handle(f"promotion/acme/helpdesk/{version}")
    crowd = (handle.execute_update("approve", yes(f"p{n}", comment="x" * 2000)) for n in range(60))
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert sum(isinstance(each, Exception) for each in outcomes) == 10
    for _ in range(15):
        await handle.execute_update("hold", {"actor": "bob", "reason": "x" * 2000})
        await handle.execute_update("release", {"actor": "bob"})
    status = await client.promotion_status("acme", "helpdesk", version)
    assert (len(status.approvals), len(status.reasons)) == (50, 10)


def forged_rollout() -> RolloutRequest:
    """`resume` is how a rollout hands over to its next run; forged, it would skip signature, shadow and canary."""
    state = RolloutState(
        origin="x",
        pinned=PinnedRollout(tenant="acme", model="helpdesk", version=1, target=sha("6"), base=BASE),
        status=RolloutStatus(stage="promoting", step=99, percent=100, route_revision=1),
        stable=ADAPTER,
        since_revision=0,
        failures=0,
        deadline=datetime.now(UTC) + timedelta(days=1),
    )
    return RolloutRequest(tenant="acme", model="helpdesk", version=1, requested_by=REQUESTER, resume=state)


async def test_a_rollout_cannot_be_begun_at_its_end(client: AssayClient, house: Yes) -> None:
    with pytest.raises(WorkflowFailureError) as error:
        await (await client.start_rollout(forged_rollout())).result()
    assert isinstance(error.value.cause, ApplicationError)
    assert error.value.cause.type == "RESUME_FORGED"
    assert house.published == []


async def test_a_rollout_cannot_be_begun_at_its_end_by_being_begun_twice(client: AssayClient, house: Yes) -> None:
    """A cron schedule begins a workflow again after it failed: with the same input, and a run before it."""
    handle = await client.temporal.start_workflow(
        "Rollout", forged_rollout(), id="rollout/by-clock", task_queue=names.CONTROL_QUEUE, cron_schedule="@every 1s"
    )

    async def ended() -> list[str]:
        found = client.temporal.list_workflows("WorkflowId = 'rollout/by-clock' AND ExecutionStatus != 'Running'")
        return [one.run_id async for one in found]

    async def twice() -> bool:
        return len(await ended()) > 1

    await until(twice)
    await handle.terminate()
    for run in await ended():
        history = await client.temporal.get_workflow_handle(handle.id, run_id=run).fetch_history()
        assert "ACTIVITY_TASK_SCHEDULED" not in history.to_json()
    assert house.published == []


async def test_every_workflow_refuses_rubbish_at_once(client: AssayClient) -> None:
    rubbish: list[Any] = [None, 1, "x", [], {}, {"tenant": "../x"}, {"tenant": "acme", "model": "helpdesk\n"}, [[[]]]]
    for kind in ("Lifecycle", "Intake", "Training", "Evaluation", "Promotion", "Rollout"):
        for number, message in enumerate(rubbish):
            id_ = f"rubbish/{kind}/{number}"
            with pytest.raises(WorkflowFailureError) as error:
                await client.temporal.execute_workflow(kind, message, id=id_, task_queue=names.CONTROL_QUEUE)
            assert isinstance(error.value.cause, ApplicationError)
            assert error.value.cause.non_retryable
            assert len(str(error.value.cause)) < 3000


async def test_what_was_staged_is_what_was_read(client: AssayClient, house: Yes) -> None:
    version = await waiting(client)
    status: PromotionStatus = await client.approve("acme", "helpdesk", version, Approval(**yes("Bob@Acme.example")))
    assert status.approvals[0].reviewer == "bob@acme.example"
    await until(lambda: _is(client, version, "staged"))
    assert house.cases[-1].approvals[0].card_diff == DIFF
    assert house.moved[-1].target == ADAPTER

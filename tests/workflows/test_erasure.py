"""An erasure takes its steps in order, waits for holds and reviewers, and stops whoever works on the same lineage."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from assay.cli import holds, mentions
from assay.cli.erase import erase
from assay.client import AssayClient
from assay.contracts import names, policy
from assay.contracts.erasure import ErasureRequest, FoundIn, HoldPlaced, MentionsConfirmed
from assay.contracts.errors import InputRefused, PolicyRefused
from assay.contracts.retention import RetentionRequest
from assay.contracts.training import DatasetChoice, TrainingRequest
from assay.settings import Settings
from registry import Registry
from registry.erasure_tables import ErasedRow

from .asking import until, versions

DATASET, OTHER, THIRD = ("sha256:" + digit * 64 for digit in "ef7")


def asked(**fields: Any) -> ErasureRequest:
    subject = f"{next(versions):064x}"
    return ErasureRequest.model_validate({"tenant": "acme", "subject": subject, "requested_by": "pia", **fields})


def said(case: str, **fields: Any) -> MentionsConfirmed:
    of = {"case": case, "reviewer": "rob", "role": "privacy", "rows": (DATASET,)}
    return MentionsConfirmed.model_validate({**of, **fields})


async def test_unservable_comes_first_and_the_receipt_last(client: AssayClient, house: Any) -> None:
    status = await (await client.start_erasure(asked())).result()
    assert status.stage == "erased"
    assert status.receipt is not None
    assert house.diary == ["withdraw", "replace", "reseal", "shred", "plan", "receipt"]


async def test_a_hold_stops_destruction_until_it_is_lifted(client: AssayClient, house: Any) -> None:
    house.holds = ["a1: a lawsuit"]
    handle = await client.start_erasure(asked())

    async def held() -> bool:
        return (await client.erasure_status(handle.id)).stage == "held"

    await until(held)
    assert house.diary == ["withdraw", "replace"]
    house.holds = []
    await handle.signal("look_again")
    assert (await handle.result()).stage == "erased"


async def test_who_lifts_a_hold_by_command_has_the_tenants_cases_look_at_once(
    client: AssayClient, house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.holds = ["a1: a lawsuit"]
    mine, theirs = await client.start_erasure(asked()), await client.start_erasure(asked(tenant="globex"))
    kept = RetentionRequest(tenant="acme", dataset="held", version=next(versions), id=DATASET, requested_by="ann")
    keeping = await client.start_retention(kept)

    async def all_wait() -> bool:
        held = [(await client.erasure_status(one.id)).stage == "held" for one in (mine, theirs)]
        planned = (await client.retention_status("acme", "held", kept.version)).plan is not None
        listed = [one async for one in client.temporal.list_workflows("ExecutionStatus = 'Running'")]
        return all(held) and planned and {mine.id, theirs.id, keeping.id} <= {one.id for one in listed}

    await until(all_wait)
    placed = HoldPlaced(tenant="acme", reason="a lawsuit", actor="leo")
    hold = Registry.open(Settings(home=tmp_path)).holds.place(placed)
    house.holds = []
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", client.temporal.service_client.config.target_host)
    ended = await asyncio.to_thread(CliRunner().invoke, holds.hold, ["lift", hold, "--by", "leo"])
    assert ended.output == "lifted\n2 running erasures and retentions of acme look again now\n"
    assert (await mine.result()).stage == "erased"
    assert (await client.erasure_status(theirs.id)).stage == "held"


async def test_what_a_second_search_finds_is_removed_before_the_next_look(client: AssayClient, house: Any) -> None:
    house.remains = [("shard of a dataset that was sealed meanwhile",)]
    house.working = (names.training_id("acme", "helpdesk", 1),)
    status = await (await client.start_erasure(asked())).result()
    assert (status.stage, status.remains, status.reasons) == ("erased", (), ())
    removal = ["withdraw", "replace", "reseal", "shred"]
    assert house.diary == [*removal, "plan", *removal, "plan", "receipt"]
    # What the receipt is told is no longer for two passes than for one, and nobody was at work who could be stopped.
    assert (len(house.done.found), house.done.withdrawn.workflows) == (1, ())
    assert house.done.shredded.shards == (DATASET,)


async def test_a_word_counts_at_once_while_a_find_persists(client: AssayClient, house: Any) -> None:
    house.remains = [("engine 0: does not answer",)] * 1000
    house.gates["withdraw 2"] = asyncio.Event()
    handle = await client.start_erasure(asked())

    async def stands(stage: str, withdrawn: int) -> bool:
        status = await client.erasure_status(handle.id)
        return (status.stage, house.diary.count("withdraw")) == (stage, withdrawn)

    await until(lambda: stands("withdrawing", 2))
    house.mentioned = (FoundIn(dataset=DATASET, kept=1),)  # sealed since the first removal
    house.gates["withdraw 2"].set()
    await until(lambda: stands("awaiting confirmation", 2))
    word = said((await client.erasure_status(handle.id)).case)
    house.mentioned = ()
    await client.confirm_mentions(handle.id, word)
    await until(lambda: stands("verifying", 3))
    assert house.confirmed == [word]
    with pytest.raises(PolicyRefused, match="no row waits for a confirmation"):
        await client.confirm_mentions(handle.id, word)
    looked = len(house.remains)

    async def looks_twice() -> bool:
        return len(house.remains) <= looked - 2

    await until(looks_twice)
    assert house.diary.count("withdraw") == 3
    house.remains.clear()
    assert (await handle.result()).stage == "erased"


@pytest.mark.parametrize("sealed", [True, False])
async def test_rows_that_mention_the_person_wait_for_a_reviewer(
    client: AssayClient, house: Any, *, sealed: bool
) -> None:
    house.mentioned = (FoundIn(dataset=DATASET, kept=1),) if sealed else ()
    house.mentioned_waiting = 0 if sealed else 1
    handle = await client.start_erasure(asked())

    async def waits() -> bool:
        return (await client.erasure_status(handle.id)).stage == "awaiting confirmation"

    await until(waits)
    house.mentioned, house.mentioned_waiting = (), 0
    await client.confirm_mentions(handle.id, said((await client.erasure_status(handle.id)).case))
    assert (await handle.result()).stage == "erased"
    assert house.diary.count("shred") == 2


async def test_a_reviewer_confirms_by_command(
    client: AssayClient, house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.mentioned = (FoundIn(dataset=DATASET, kept=3),)
    house.gates["withdraw 2"] = asyncio.Event()
    order = asked()
    handle = await client.start_erasure(order)

    async def waits() -> bool:
        return (await client.erasure_status(handle.id)).stage == "awaiting confirmation"

    await until(waits)
    case = (await client.erasure_status(handle.id)).case
    registry = Registry.open(Settings(home=tmp_path))
    registry.erasures.open(case, handle.id, order, "d")
    with registry._database.writing() as session:
        for at, row in enumerate((DATASET, OTHER, THIRD)):
            session.add(ErasedRow(case=case, dataset=DATASET, ordinal=at, row_id=row, outcome="accepted", own=False))
    monkeypatch.setattr(mentions, "A_WORD", 1)  # so that two others take two words
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_TEMPORAL_ADDRESS", client.temporal.service_client.config.target_host)
    arguments = ["confirm", case, "--row", DATASET, "--others-are-not", "--by", "rob", "--role", "legal"]
    ended = await asyncio.to_thread(CliRunner().invoke, erase, arguments)
    assert ended.output == f"case {case}: 1 rows are about the person, 2 others are not\n"
    house.mentioned = ()
    house.gates["withdraw 2"].set()
    assert (await handle.result()).stage == "erased"
    assert house.confirmed == [
        said(case, role="legal", others=(THIRD,)),
        said(case, role="legal", rows=(), others=(OTHER,)),
    ]


async def test_only_a_name_is_taken_for_a_tenant_whose_cases_are_told(client: AssayClient) -> None:
    for odd in ("x' OR ExecutionStatus = 'Running", "acme'", "", "Acme"):
        with pytest.raises(InputRefused, match="TENANT_MALFORMED"):
            await client.look_again(odd)
    assert await client.look_again("nobody") == 0


async def test_what_is_sealed_again_gets_its_sheet_and_no_case_fails_for_want_of_one(
    client: AssayClient, house: Any
) -> None:
    house.refused["write_datasheet"] = "SHARD_DESTROYED"
    handle = await client.start_erasure(asked())
    assert (await handle.result()).stage == "erased"
    assert "write_datasheet" in house.begun


async def test_a_word_that_its_gate_refuses_changes_nothing(client: AssayClient, house: Any) -> None:
    house.mentioned = (FoundIn(dataset=DATASET, kept=1),)
    house.confirming = [(policy.Violation(code="MENTIONS_ROLE_MISSING", msg="not as owner", remedy="ask legal"),)]
    handle = await client.start_erasure(asked())

    async def waits() -> bool:
        return (await client.erasure_status(handle.id)).stage == "awaiting confirmation"

    await until(waits)
    case = (await client.erasure_status(handle.id)).case
    with pytest.raises(PolicyRefused, match="not as owner") as refused:
        await client.confirm_mentions(handle.id, said(case))
    assert (refused.value.code, refused.value.message) == ("MENTIONS_ROLE_MISSING", "not as owner")
    assert refused.value.remedy == "ask legal"
    house.confirming = [()]
    with pytest.raises(PolicyRefused, match="the gate mentions said no, and no reason") as refused:
        await client.confirm_mentions(handle.id, said(case))
    assert refused.value.code == "POLICY_REFUSED"
    with pytest.raises(PolicyRefused, match=f"this is case {case}"):
        await client.confirm_mentions(handle.id, said("acme.000000000000"))
    with pytest.raises(PolicyRefused, match="name rows"):
        await client.confirm_mentions(handle.id, said(case, rows=()))
    with pytest.raises(ValidationError, match="is about this person, or it is not"):
        said(case, others=(DATASET,))
    assert await waits()
    house.mentioned = ()
    await client.confirm_mentions(handle.id, said(case))
    assert (await handle.result()).stage == "erased"


async def test_every_word_that_was_taken_is_acted_on(client: AssayClient, house: Any) -> None:
    house.mentioned, house.holds = (FoundIn(dataset=DATASET, kept=2),), ["a1: a lawsuit"]
    handle = await client.start_erasure(asked())

    async def held() -> bool:
        return (await client.erasure_status(handle.id)).stage == "held"

    await until(held)
    case = (await client.erasure_status(handle.id)).case
    words = [said(case, reviewer="ann"), said(case, reviewer="bea", rows=(OTHER,))]
    for word in words:
        await client.confirm_mentions(handle.id, word)
    house.mentioned, house.holds = (), []  # the first word was the last that anybody waited for
    await handle.signal("look_again")
    assert (await handle.result()).stage == "erased"
    assert house.confirmed == words


async def test_a_word_that_its_gate_took_long_to_take_still_counts(client: AssayClient, house: Any) -> None:
    house.mentioned = (FoundIn(dataset=DATASET, kept=2),)
    house.gates = {"decide_mentions bea": asyncio.Event(), "withdraw 2": asyncio.Event()}
    handle = await client.start_erasure(asked())

    async def waits() -> bool:
        return (await client.erasure_status(handle.id)).stage == "awaiting confirmation"

    async def withdraws_again() -> bool:
        return "withdraw 2" in house.begun

    await until(waits)
    case = (await client.erasure_status(handle.id)).case
    house.mentioned = ()
    words = [said(case, reviewer="ann"), said(case, reviewer="bea", rows=(OTHER,))]
    late = asyncio.create_task(client.confirm_mentions(handle.id, words[1]))

    async def asks_the_gate() -> bool:
        return "decide_mentions bea" in house.begun

    await until(asks_the_gate)
    await client.confirm_mentions(handle.id, words[0])
    await until(withdraws_again)
    house.gates["decide_mentions bea"].set()
    await late
    house.gates["withdraw 2"].set()
    assert (await handle.result()).stage == "erased"
    assert house.confirmed == words


async def test_a_training_of_the_same_lineage_stops_and_says_why(client: AssayClient, house: Any) -> None:
    house.gates["train"] = asyncio.Event()
    training = TrainingRequest(
        tenant="acme",
        model="helpdesk",
        version=next(versions),
        base="acme/base",
        datasets=(DatasetChoice(dataset=DATASET),),
        requested_by="ann",
    )
    running = await client.start_training(training)

    async def trains() -> bool:
        return "train" in house.begun

    await until(trains)
    house.working = (names.training_id("acme", "helpdesk", training.version),)
    erasing = await client.start_erasure(asked())
    assert (await erasing.result()).stage == "erased"
    house.gates["train"].set()  # the stand-in does not heartbeat, so it is told of no cancellation: it ends well
    with pytest.raises(WorkflowFailureError) as failure:
        await running.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "STOPPED_FOR_ERASURE"
    status = await client.training_status("acme", "helpdesk", training.version)
    assert (status.stage, status.cause) == ("failed", "STOPPED_FOR_ERASURE")
    assert status.reasons[0].startswith("STOPPED_FOR_ERASURE: rows that this was made from had to go")

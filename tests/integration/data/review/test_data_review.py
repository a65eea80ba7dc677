"""Quarantined rows are released or refused by people, under a gate, each decision signed; and never by silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.data.review import PREDICATE, contents, read_digest
from activities.signing.envelope import open_envelope
from assay.client import AssayClient
from assay.contracts.errors import PolicyRefused
from assay.contracts.review import ReviewQueue, ReviewRequest, ReviewRules, ReviewStatus, RowRuling
from assay.settings import Settings
from registry import QuarantinedRow, QuarantineRecord, Registry

from .conftest import Quarantine


async def review(client: AssayClient, queue: ReviewQueue, **rules: timedelta) -> WorkflowHandle[Any, ReviewStatus]:
    request = ReviewRequest(tenant=queue.tenant, dataset=queue.dataset, rules=ReviewRules(**rules), requested_by="ann")
    return await client.start_data_review(request)


def ruling(registry: Registry, queue: ReviewQueue, reviewer: str, role: str = "safety", **about: Any) -> RowRuling:
    """As somebody gives it who has just read the rows."""
    waiting = registry.quarantine.waiting(queue)
    rows = [one for one in waiting if one.row_id in about.get("rows", ()) or about.get("code") in one.codes]
    fields = {"reviewer": reviewer, "role": role, "reason": "a quotation", "read": read_digest(queue, rows), **about}
    return RowRuling.model_validate(fields)


def states(registry: Registry, queue: ReviewQueue) -> dict[str, str]:
    return {row.row_id: row.state for row in registry.quarantine.all(queue)}


async def until(
    client: AssayClient, queue: ReviewQueue, ready: Callable[[ReviewStatus], bool] = lambda _: True
) -> ReviewStatus:
    """Wait until the review has looked at its rows, and says what is waited for."""
    async with asyncio.timeout(60):
        while True:
            status = await client.data_review_status(queue.tenant, queue.dataset)
            if status.stage == "awaiting review" and ready(status):
                return status
            await asyncio.sleep(0.05)


async def test_a_row_that_somebody_in_charge_has_read_is_released_and_the_review_ends(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity")
    handle = await review(client, queue)
    waiting = await until(client, queue)
    assert (waiting.counts.waiting, waiting.counts.released) == (1, 0)
    assert registry.quarantine.released(queue) == {}
    await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=rows))
    ended = await handle.result()
    assert (ended.stage, ended.counts.released, ended.counts.waiting) == ("reviewed", 1, 0)
    assert set(registry.quarantine.released(queue)) == set(rows)


async def test_all_rows_of_a_code_are_refused_at_once(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity", "secret", "language")
    await review(client, queue)
    status = await client.refuse_rows(
        "acme", queue.dataset, ruling(registry, queue, "bea", "owner", code="ROW_SECRET_QUARANTINED")
    )
    assert (status.counts.waiting, status.counts.refused) == (2, 1)
    assert states(registry, queue) == dict(zip(rows, ("waiting", "refused", "waiting"), strict=True))


async def test_a_decision_is_signed_over_what_was_read_and_says_who_and_why(
    client: AssayClient, registry: Registry, quarantine: Quarantine, settings: Settings
) -> None:
    queue, rows = quarantine("toxicity", "language")
    await review(client, queue)
    given = ruling(registry, queue, "bea", rows=rows)
    await client.release_rows("acme", queue.dataset, given)
    [reference] = {row.statement for row in registry.quarantine.all(queue)}
    assert reference is not None
    statement = open_envelope(registry.blobs.get(reference), settings.home / "keys" / "signing.pub.pem")
    assert (statement.predicate_type, statement.subject_digest) == (PREDICATE, given.read)
    assert (statement.predicate["verdict"], statement.predicate["rows"]) == ("release", 2)
    [reviewer] = statement.predicate["reviewers"]
    assert (reviewer["reviewer"], reviewer["role"], reviewer["reason"]) == ("bea", "safety", "a quotation")
    read = json.loads(registry.blobs.get(given.read))
    assert sorted(row["row_id"] for row in read["rows"]) == sorted(rows)
    [decision] = registry.decisions.list(given.read)
    assert statement.predicate["decision"]["policy_revision"] == decision.policy_revision


async def test_nobody_releases_what_they_did_not_see(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity")
    await review(client, queue)
    read = ruling(registry, queue, "bea", rows=rows)
    found_again = registry.quarantine.waiting(queue)[0].model_dump(
        include={"row_id", "source", "findings", "shard", "ordinal"}
    )
    worse = QuarantinedRow.model_validate({**found_again, "codes": ("ROW_INJECTION_QUARANTINED",)})
    registry.quarantine.add(queue, [worse], requested_by="ann")
    with pytest.raises(PolicyRefused, match="ROWS_READ_CHANGED"):
        await client.release_rows("acme", queue.dataset, read)
    unknown = read.model_copy(update={"rows": (read.read,)})
    with pytest.raises(PolicyRefused, match="ROWS_READ_CHANGED"):
        await client.release_rows("acme", queue.dataset, unknown)
    assert registry.quarantine.released(queue) == {}


async def test_nobody_releases_rows_of_their_own_request(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity", by="ann@acme.example")
    await review(client, queue)
    for reviewer in ("ann@acme.example", "Ann+second@acme.example"):
        with pytest.raises(PolicyRefused, match="ROWS_OWN_REQUEST"):
            await client.release_rows("acme", queue.dataset, ruling(registry, queue, reviewer, rows=rows))
    assert set(states(registry, queue).values()) == {"waiting"}


async def test_secrets_are_released_by_nobody(client: AssayClient, registry: Registry, quarantine: Quarantine) -> None:
    queue, rows = quarantine("secret", "toxicity")
    await review(client, queue)
    for chosen in (rows[:1], rows):
        with pytest.raises(PolicyRefused, match="ROWS_NEVER_RELEASED"):
            await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=chosen))


async def test_two_people_must_have_read_the_same_where_the_quorum_is_two(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("injection", "toxicity")
    await review(client, queue)
    first = await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=rows[:1]))
    assert (len(first.votes), first.counts.released) == (1, 0)
    assert first.reasons == ("ROWS_QUORUM_NOT_MET: 1 people so far for rows with findings of category injection",)
    with pytest.raises(PolicyRefused, match="this reviewer has said so already, in this role"):
        await client.release_rows("acme", queue.dataset, ruling(registry, queue, "BEA", rows=rows[:1]))
    # Of one person there is one word, whatever the role: another role corrects the first.
    again = await client.release_rows("acme", queue.dataset, ruling(registry, queue, "BEA", "owner", rows=rows[:1]))
    assert ([one.ruling.role for one in again.votes], again.counts.released) == (["owner"], 0)
    await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=rows[:1]))
    other = await client.release_rows("acme", queue.dataset, ruling(registry, queue, "cyd", rows=rows[1:]))
    assert (len(other.votes), other.counts.released) == (1, 1)
    second = await client.release_rows("acme", queue.dataset, ruling(registry, queue, "cyd", "legal", rows=rows[:1]))
    assert (second.votes, second.counts.released) == ((), 2)
    assert len(second.decisions) == 2


async def test_the_same_ruling_again_is_answered_and_decides_nothing_anew(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity", "language")
    await review(client, queue)
    given = ruling(registry, queue, "bea", rows=rows[:1])
    once, again = [await client.release_rows("acme", queue.dataset, given) for _ in range(2)]
    assert once == again
    assert len(registry.decisions.list(given.read)) == 1


async def test_rulings_that_come_at_once_are_decided_one_after_another(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("injection", "language")
    await review(client, queue)
    people = [ruling(registry, queue, who, rows=rows[:1]) for who in ("bea", "cyd")]
    await asyncio.gather(*(client.release_rows("acme", queue.dataset, one) for one in people))
    assert set(registry.quarantine.released(queue)) == {rows[0]}


async def test_rows_that_arrive_meanwhile_are_reviewed_too(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity")
    handle = await review(client, queue)
    await until(client, queue)
    _, more = quarantine("language", dataset=queue.dataset)
    await handle.signal("rows_arrived")
    await until(client, queue, lambda status: status.counts.waiting == 2)
    await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=[*rows, *more]))
    assert (await handle.result()).counts.released == 2


async def test_a_review_without_rows_ends_at_once(client: AssayClient) -> None:
    handle = await review(client, ReviewQueue(tenant="acme", dataset="nothing-waits"))
    assert (await handle.result()).stage == "reviewed"


async def test_rows_that_a_review_left_waiting_are_taken_up_by_a_new_one(
    client: AssayClient, registry: Registry, quarantine: Quarantine
) -> None:
    queue, rows = quarantine("toxicity")
    ended = await (await review(client, queue, deadline=timedelta(milliseconds=1))).result()
    assert ended.stage == "expired"
    assert ended.reasons == ("REVIEW_EXPIRED: 1 rows still wait; they stay in quarantine until a new review",)
    assert states(registry, queue) == {rows[0]: "waiting"}
    again = await review(client, queue)
    await client.release_rows("acme", queue.dataset, ruling(registry, queue, "bea", rows=rows))
    assert states(registry, queue) == {rows[0]: "released"}
    assert (await again.result()).stage == "reviewed"


async def test_the_text_is_read_from_the_shard_alone(
    registry: Registry, quarantine: Quarantine, settings: Settings
) -> None:
    queue, rows = quarantine("toxicity", "language")
    found: tuple[QuarantineRecord, ...] = registry.quarantine.waiting(queue)
    read = contents(registry, found)
    assert set(read) == set(rows)
    assert read[rows[1]]["messages"][0]["content"] == f"{queue.dataset} says something: 1 language"
    database = settings.home / "registry.sqlite"
    everything = b"".join(path.read_bytes() for path in database.parent.glob("registry.sqlite*"))
    assert b"says something" not in everything

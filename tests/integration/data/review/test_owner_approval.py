"""An intake whose source demands it waits for the source's owner before a byte is read, or starts at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.data.approval import PREDICATE, statement
from activities.signing.envelope import open_envelope
from activities.signing.version import attest
from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.approval import ApprovalCase, ApprovalQuery, OwnerApproval, OwnerRejection, OwnerRequest
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, IntakeStatus, RowCounts, Source
from assay.contracts.datasheet import DatasheetFiles, DatasheetJob
from assay.contracts.errors import NotFound, PolicyRefused
from assay.contracts.policy import Decision
from assay.contracts.screening import (
    Cleared,
    ClearJob,
    Compared,
    CompareJob,
    DecidedShard,
    DecideJob,
    PlanJob,
    RawShard,
    ScanJob,
    ScannedShard,
    SealJob,
    SourcePlan,
)
from assay.settings import Settings
from registry import ApprovalRecord, Registry
from workers.run import WorkerKind, make_worker

numbers = count(1)
SHARD = Reference(uri=f"blob:{'3' * 64}", sha256="sha256:" + "3" * 64)


class Readers:
    """Stand-ins for screening and sealing that note what was read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def all(self) -> list[Any]:
        return [
            *(self.plan_source, self.scan_shard, self.compare_shards),
            *(self.decide_shard, self.seal_dataset, self.clear_stage, self.write_datasheet),
        ]

    @activity.defn
    async def plan_source(self, job: PlanJob) -> SourcePlan:
        self.read.append(job.source.name)
        shard = RawShard(number=0, rows=1, content=SHARD)
        return SourcePlan(source=job.source.name, digest=SHARD.sha256, admitted=True, shards=(shard,))

    @activity.defn
    async def scan_shard(self, job: ScanJob) -> ScannedShard:
        return ScannedShard(rows=1, found=SHARD)

    @activity.defn
    async def compare_shards(self, job: CompareJob) -> Compared:
        return Compared(repeats=(None,) * len(job.shards))

    @activity.defn
    async def decide_shard(self, job: DecideJob) -> DecidedShard:
        return DecidedShard(ledger=SHARD, decisions=SHARD, counts=RowCounts(read=1, accepted=1))

    @activity.defn
    async def clear_stage(self, job: ClearJob) -> Cleared:
        return Cleared(blobs=0)

    @activity.defn
    async def seal_dataset(self, job: SealJob) -> Dataset:
        return Dataset(id=SHARD.sha256, manifest=SHARD, counts=RowCounts(read=1, accepted=1))

    @activity.defn
    async def write_datasheet(self, job: DatasheetJob) -> DatasheetFiles:
        return DatasheetFiles(numbers=SHARD, markdown=SHARD, html=SHARD)


@pytest.fixture
async def readers(client: AssayClient, settings: Settings) -> AsyncIterator[Readers]:
    made = Readers()
    kind = WorkerKind("data", names.DATA_QUEUE, 0, made.all())
    async with make_worker(client.temporal, settings, kind, grace=timedelta(0)):
        yield made


def source(approval: str, **terms: Any) -> Source:
    fields = {"name": f"tickets-{next(numbers)}", "uri": "tickets.jsonl", "system": "crm", "owner": "olga@acme.example"}
    more = {"licence": "MIT", "purposes": ["train-tenant-model"], "consent": "granted", "retention_days": 30}
    return Source.model_validate({**fields, **more, "tier": "curated", "approval": approval, **terms})


def wanted(of: Source, version: int = 1) -> IntakeRequest:
    return IntakeRequest(tenant="acme", dataset=f"of-{of.name}", version=version, sources=(of,), requested_by="ann")


def query(request: IntakeRequest) -> ApprovalQuery:
    [of] = request.sources
    intake = f"{request.dataset}/{request.version}" if of.approval == "required" else ""
    return ApprovalQuery(tenant="acme", source=of, purpose=request.purpose, intake=intake)


def yes(request: IntakeRequest, **changes: Any) -> OwnerApproval:
    until = datetime.now(UTC) + timedelta(days=30)
    fields = {"owner": "olga@acme.example", "terms": query(request).terms, "scope": [request.purpose]}
    return OwnerApproval.model_validate({**fields, "valid_until": until, **changes})


async def waits(client: AssayClient, request: IntakeRequest) -> WorkflowHandle[Any, IntakeStatus]:
    """Start it, and wait until the owner is asked."""
    handle = await client.start_intake(request)
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.data_approval_status(query(request))).stage == "awaiting owner":
                    return handle
            except NotFound:
                pass
            await asyncio.sleep(0.05)


async def test_nothing_is_read_until_the_owner_has_approved(
    client: AssayClient, readers: Readers, registry: Registry, settings: Settings
) -> None:
    request = wanted(source("required"))
    handle = await waits(client, request)
    assert (await client.intake_status("acme", request.dataset, 1)).stage == "awaiting owner"
    assert readers.read == []
    answered = await client.approve_data(query(request), yes(request, comment="for the helpdesk"))
    assert (await handle.result()).stage == "sealed"
    assert readers.read == [request.sources[0].name]
    assert answered.statement is not None
    said = open_envelope(registry.blobs.get(answered.statement), settings.home / "keys" / "signing.pub.pem")
    assert (said.predicate_type, said.subject_digest) == (PREDICATE, query(request).terms)
    assert said.predicate["approval"]["owner"] == "olga@acme.example"
    assert said.predicate["intake"] == f"{request.dataset}/1"


async def test_a_standing_approval_lets_the_next_intake_start_at_once(client: AssayClient, readers: Readers) -> None:
    first = wanted(source("standing"))
    handle = await waits(client, first)
    await client.approve_data(query(first), yes(first))
    await handle.result()
    again = await client.start_intake(wanted(first.sources[0], version=2))
    assert (await again.result()).stage == "sealed"
    assert readers.read == [first.sources[0].name] * 2


async def test_a_required_approval_is_for_one_intake_alone(client: AssayClient, readers: Readers) -> None:
    first = wanted(source("required"))
    handle = await waits(client, first)
    await client.approve_data(query(first), yes(first))
    await handle.result()
    second = await waits(client, wanted(first.sources[0], version=2))
    assert readers.read == [first.sources[0].name]
    await second.terminate("its test is over")


async def test_other_terms_need_another_approval(client: AssayClient, readers: Readers) -> None:
    first = wanted(source("standing"))
    handle = await waits(client, first)
    await client.approve_data(query(first), yes(first))
    await handle.result()
    longer = first.sources[0].model_copy(update={"retention_days": 3000})
    second = await waits(client, wanted(longer, version=2))
    assert readers.read == [longer.name]
    await second.terminate("its test is over")


async def test_an_approval_that_has_expired_or_that_nobody_signed_counts_for_nothing(
    client: AssayClient, readers: Readers, registry: Registry, settings: Settings
) -> None:
    request = wanted(source("standing"))
    asked = OwnerRequest(query=query(request), dataset=request.dataset, version=1, requested_by="ann")
    over = ApprovalCase(request=asked, approval=yes(request, valid_until=datetime(2020, 1, 1, tzinfo=UTC)))
    decision = Decision(gate="data_approval", allow=True, decision_id="d", policy_revision="r", input=SHARD)
    signed = attest(registry.blobs, statement(over, decision), settings.home / "keys" / "signing.pem")
    for reference in (signed, registry.blobs.put(b'{"approval": "yes"}')):
        registry.approvals.add(
            ApprovalRecord(
                statement=reference,
                tenant="acme",
                source=asked.query.source.name,
                terms=asked.query.terms,
                intake="",
                owner="olga@acme.example",
                valid_until=datetime(2099, 1, 1, tzinfo=UTC),
            )
        )
    handle = await waits(client, request)
    assert readers.read == []
    await handle.terminate("its test is over")


async def test_intakes_that_wait_for_the_same_owner_are_all_told(client: AssayClient, readers: Readers) -> None:
    of = source("standing")
    handles = [await waits(client, wanted(of, version=version)) for version in (1, 2, 3)]
    await client.approve_data(query(wanted(of)), yes(wanted(of)))
    assert {(await handle.result()).stage for handle in handles} == {"sealed"}
    assert readers.read == [of.name] * 3


async def test_a_no_ends_the_intake_with_its_reason(client: AssayClient, readers: Readers) -> None:
    request = wanted(source("required"))
    handle = await waits(client, request)
    no = OwnerRejection(owner="olga@acme.example", terms=query(request).terms, reason="not for this")
    await client.reject_data(query(request), no)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert (getattr(failed.value.cause, "type", ""), str(failed.value.cause)) == (
        "OWNER_REJECTED",
        "OWNER_REJECTED: not for this",
    )
    assert (await client.intake_status("acme", request.dataset, 1)).stage == "refused"
    assert readers.read == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"owner": "ann@acme.example"}, "only the owner"),
        ({"terms": "sha256:" + "0" * 64}, "names other terms"),
        ({"scope": ["evaluate"]}, "APPROVAL_OUT_OF_SCOPE"),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "APPROVAL_NOT_IN_FORCE"),
        ({"valid_until": datetime(2099, 1, 1, tzinfo=UTC)}, "APPROVAL_TOO_LONG"),
    ],
)
async def test_what_is_no_approval_is_refused_and_the_question_stays(
    client: AssayClient, readers: Readers, changes: dict[str, Any], code: str
) -> None:
    request = wanted(source("required"))
    handle = await waits(client, request)
    with pytest.raises(PolicyRefused, match=code):
        await client.approve_data(query(request), yes(request, **changes))
    assert (await client.data_approval_status(query(request))).stage == "awaiting owner"
    await handle.terminate("its test is over")

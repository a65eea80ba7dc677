"""Stand-ins for the activities of an intake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio import activity

from assay.contracts import data, datasheet, retention, screening
from assay.contracts.base import Reference


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


def ref(digest: str) -> Reference:
    return Reference(uri=f"blob:{digest.removeprefix('sha256:')}", sha256=digest)


DATASET = sha("e")


class Intaking:
    """Part of the house."""

    diary: list[str]
    shards_a_source: int
    quarantines: bool

    async def enter(self, name: str) -> None:
        """See the house."""

    @activity.defn
    async def plan_source(self, job: screening.PlanJob) -> screening.SourcePlan:
        await self.enter("plan_source")
        shards = tuple(screening.RawShard(number=n, rows=3, content=ref(sha("3"))) for n in range(self.shards_a_source))
        return screening.SourcePlan(source=job.source.name, digest=sha("4"), admitted=True, shards=shards)

    @activity.defn
    async def scan_shard(self, job: screening.ScanJob) -> screening.ScannedShard:
        await self.enter("scan_shard")
        self.diary += [f"scanned beside {suite.sha256}" for suite in job.suites]
        return screening.ScannedShard(rows=job.shard.rows, found=ref(sha("5")))

    @activity.defn
    async def compare_shards(self, job: screening.CompareJob) -> screening.Compared:
        await self.enter("compare_shards")
        return screening.Compared(repeats=(None,) * len(job.shards))

    @activity.defn
    async def decide_shard(self, job: screening.DecideJob) -> screening.DecidedShard:
        await self.enter("decide_shard")
        counts = data.RowCounts(read=3, accepted=2, refused=1)
        aside = None
        if self.quarantines:
            counts, aside = data.RowCounts(read=3, accepted=2, quarantined=1), ref(sha("7"))
        return screening.DecidedShard(
            rows=ref(sha("6")), quarantined=aside, ledger=ref(sha("8")), decisions=ref(sha("9")), counts=counts
        )

    @activity.defn
    async def seal_dataset(self, job: screening.SealJob) -> data.Dataset:
        await self.enter("seal_dataset")
        counts = data.RowCounts.total(one.counts for one in job.screened)
        return data.Dataset(id=DATASET, manifest=ref(DATASET), counts=counts)

    @activity.defn
    async def clear_stage(self, job: screening.ClearJob) -> screening.Cleared:
        self.diary.append(f"cleared {len(set(job.staged))} staged, {len(set(job.unsealed))} unsealed")
        return screening.Cleared(blobs=len(job.staged))

    @activity.defn
    async def write_datasheet(self, job: datasheet.DatasheetJob) -> datasheet.DatasheetFiles:
        await self.enter("write_datasheet")
        return datasheet.DatasheetFiles(numbers=ref(sha("4")), markdown=ref(sha("5")), html=ref(sha("6")))

    @activity.defn
    async def plan_retention(self, request: retention.RetentionRequest) -> retention.RetentionPlan:
        assert request.id is not None
        term = retention.SourceTerm(source="tickets", expires_at=datetime.now(UTC) + timedelta(days=365))
        return retention.RetentionPlan(origin=request.id, current=request.id, sources=(term,))

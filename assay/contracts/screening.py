"""How sources become a dataset, shard by shard: read whole, scanned, compared, decided, sealed, and cleared away."""

from __future__ import annotations

from typing import Final

from pydantic import Field
from temporalio import activity

from assay.contracts.base import Digest, Message, Reference, Slug, Version
from assay.contracts.data import Dataset, IntakeRequest, Purpose, RowCounts, Source

MOST_SHARDS: Final = 800
"""Of one intake. Two activities a shard, of at most six events each with the workflow's own, leave its history below
the 10,240 at which Temporal warns, and what is sealed below the 2 MB of a message."""
MOST_CLEARED: Final = 1000
"""References of one `clear_stage`."""


class IntakeKey(Message):
    """Which intake rows are staged for. One runs at a time, so what it stages is its own."""

    tenant: Slug
    dataset: Slug
    version: Version
    purpose: Purpose

    @property
    def name(self) -> str:
        """`acme/support-calls/1`"""
        return f"{self.tenant}/{self.dataset}/{self.version}"

    @classmethod
    def of(cls, request: IntakeRequest) -> IntakeKey:
        """Of a request."""
        return cls(tenant=request.tenant, dataset=request.dataset, version=request.version, purpose=request.purpose)


class PlanJob(Message):
    """Read one source whole and stage its rows."""

    intake: IntakeKey
    source: Source


class RawShard(Message):
    """Rows of a source as they were read, in order; `number` counts its shards from 0."""

    number: int = Field(ge=0)
    rows: int = Field(ge=1)
    content: Reference


class SourcePlan(Message):
    """A source that was read to its end and is well formed.

    `digest` names its bytes. `admitted`: what the gate says of the source itself. `lanes`: shards that the data workers
    scan at once.
    """

    source: Slug
    digest: Digest
    admitted: bool
    shards: tuple[RawShard, ...]
    lanes: int = Field(default=1, ge=1)

    @property
    def rows(self) -> int:
        """How many it has."""
        return sum(shard.rows for shard in self.shards)


class ScanJob(Message):
    """Scan one shard."""

    intake: IntakeKey
    source: Slug
    shard: RawShard
    suites: tuple[Reference, ...] = ()


class ScannedShard(Message):
    """What was found in a shard, row by row. It holds the values found, so it is encrypted, and cleared in the end."""

    rows: int
    found: Reference
    admitted: bool = Field(default=True, description="its source's; rows that cannot enter stand for no others")


class CompareJob(Message):
    """Compare all rows of an intake, in the order of its sources and their shards.

    `raw` are the same shards as they were read: whose the copies of a row are.
    """

    intake: IntakeKey
    shards: tuple[ScannedShard, ...]
    raw: tuple[Reference, ...] = ()


class Compared(Message):
    """For each shard the rows that repeat an earlier one; None where none does."""

    repeats: tuple[Reference | None, ...]


class DecideJob(Message):
    """Ask the gate about the rows of one shard and do what it says."""

    intake: IntakeKey
    source: Source
    admitted: bool
    shard: RawShard
    found: Reference
    repeats: Reference | None = None


class DecidedShard(Message):
    """What became of a shard: rows that enter, rows that wait for a reviewer, the ledger's part, decisions (JSON)."""

    rows: Reference | None = None
    quarantined: Reference | None = None
    ledger: Reference
    decisions: Reference
    counts: RowCounts


class ScreenedSource(Message):
    """A source all of whose shards are decided."""

    source: Slug
    digest: Digest
    admitted: bool = True
    shards: tuple[DecidedShard, ...]

    @property
    def counts(self) -> RowCounts:
        """Of all its shards."""
        return RowCounts.total(shard.counts for shard in self.shards)


class SealJob(Message):
    """Bind screened sources into one dataset."""

    request: IntakeRequest
    screened: tuple[ScreenedSource, ...]


class ClearJob(Message):
    """Destroy what an intake has staged, and of what it decided (`unsealed`) all that no dataset or review names."""

    intake: IntakeKey
    staged: tuple[Reference, ...] = ()
    unsealed: tuple[Reference, ...] = ()


class Cleared(Message):
    """How many blobs were destroyed."""

    blobs: int


@activity.defn
def plan_source(job: PlanJob) -> SourcePlan:
    """Read a source to its end, and stage its rows in encrypted shards once all of it is well formed.

    Raises InputRefused (a malformed row with its number, wrong encoding, unknown field, digest mismatch, licence that
    is no SPDX expression, `SOURCE_TOO_LARGE`), NotFound, IntegrityRefused (its assessment), PolicyUndefined,
    Unavailable.
    """
    raise NotImplementedError


@activity.defn
def scan_shard(job: ScanJob) -> ScannedShard:
    """Look for everything that a row may hold and should not, and for what tells whether it repeats another.

    Raises InputRefused (`SUITE_MALFORMED`, `SHARD_UNSCANNABLE`), NotFound, Unavailable (`SCANNER_DIED`).
    """
    raise NotImplementedError


@activity.defn
def compare_shards(job: CompareJob) -> Compared:
    """Which rows repeat an earlier one, word for word or nearly. Raises NotFound, IntegrityRefused, Unavailable."""
    raise NotImplementedError


@activity.defn
def decide_shard(job: DecideJob) -> DecidedShard:
    """Keep, treat, set aside or refuse each row as the gate says; a row that was not decided is refused.

    Raises PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), PolicyUndefined, NotFound, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def seal_dataset(job: SealJob) -> Dataset:
    """Write the manifest, the ledger and the lineage edges; the same job twice seals once.

    Raises InputRefused (`DATASET_EMPTY`, `DATASET_VERSION_TAKEN`, `SOURCES_UNSCREENED`, `SUBJECT_SUPPRESSED`),
    PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), IntegrityRefused, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def clear_stage(job: ClearJob) -> Cleared:
    """Destroy keys and bytes; again changes nothing. Raises Unavailable."""
    raise NotImplementedError

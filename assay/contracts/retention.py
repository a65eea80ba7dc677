"""Retention: rows of a dataset are kept as long as their source says, then removed as an erasure removes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import Digest, Message, Person, Slug, Version

Keeping = Literal["kept", "held", "removed"]


class RetentionRequest(Message):
    """Keep one sealed dataset until its rows expire. `id` None is the newest seal of that version."""

    tenant: Slug
    dataset: Slug
    version: Version
    id: Digest | None = None
    look_again: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="how often a removal that is held or refused is looked at",
    )
    requested_by: Person


class SourceTerm(Message):
    """When the rows of one source expire, and what became of them."""

    source: Slug
    expires_at: datetime
    state: Keeping = "kept"


class RetentionPlan(Message):
    """The sources of a dataset by expiry. `origin` was sealed first; `current` holds what erasures left of it.

    `others` are further seals of the same version, as an intake that ran again makes them: one clock keeps them all.
    """

    origin: Digest
    current: Digest
    sources: tuple[SourceTerm, ...]
    others: tuple[RetentionPlan, ...] = ()


class RetentionStatus(Message):
    """Where the retention of a dataset stands, as its `status` query answers. `child` is the erasure to look at."""

    stage: Literal["keeping", "removing", "held", "removed", "failed"] = "keeping"
    plan: RetentionPlan | None = None
    child: str | None = None
    holds: tuple[str, ...] = Field(default=(), description="legal holds that stop the removal")
    reasons: tuple[str, ...] = ()


class RetentionNote(Message):
    """What became of the rows of one source."""

    origin: Digest
    source: Slug
    state: Keeping


class HoldsOn(Message):
    """Ids of legal holds in force on a dataset, on all of its tenant, or on a person of the rows that expire."""

    holds: tuple[str, ...] = ()


@activity.defn
def plan_retention(request: RetentionRequest) -> RetentionPlan:
    """When the rows of each source expire: counted from the first seal, also for what an erasure sealed again.

    Raises NotFound (`DATASET_UNKNOWN`), Unavailable.
    """
    raise NotImplementedError


@activity.defn
def note_retention(note: RetentionNote) -> None:
    """Enter what became of the rows of a source; the same note twice enters once."""
    raise NotImplementedError


@activity.defn
def read_retention_holds(tenant: str, dataset: str, source: str | None = None) -> HoldsOn:
    """Legal holds that stop the removal of this dataset's (a digest's) rows, or of those of one of its sources."""
    raise NotImplementedError

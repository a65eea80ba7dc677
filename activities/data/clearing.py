"""What an intake staged is destroyed when it ends, sealed or not; so is what it decided and nobody names."""

from __future__ import annotations

from collections.abc import Iterable

from activities.data.named import shards_of
from assay.contracts.base import Reference
from assay.contracts.screening import ClearJob
from registry import Registry


def clear(job: ClearJob, registry: Registry) -> int:
    """Destroy; again changes nothing. Answers how many blobs were named. Raises Unavailable."""
    gone = {*job.staged, *_unnamed(job, registry)}
    if gone:
        registry.shards.destroy_all(sorted(gone, key=lambda one: one.sha256), f"staged for {job.intake.name}")
    return len(gone)


def _unnamed(job: ClearJob, registry: Registry) -> Iterable[Reference]:
    """Shards carry the name of their dataset: only its seals name them, and rows that wait for whatever purpose."""
    if not job.unsealed:
        return ()
    intake = job.intake
    named = registry.quarantine.named({one.sha256 for one in job.unsealed})
    for record in registry.datasets.all_named(intake.tenant, intake.dataset):
        named |= shards_of(registry, record)
    return (one for one in job.unsealed if one.sha256 not in named)

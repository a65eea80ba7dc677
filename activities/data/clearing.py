"""What an intake staged is destroyed when it ends, sealed or not; so is what it decided and nobody names.

Also what its workflow never heard of: an activity that was cancelled or failed half-way has left it, under its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from activities.data.named import shards_of
from assay.contracts.base import Reference
from assay.contracts.screening import ClearJob
from registry import Registry


def clear(job: ClearJob, registry: Registry) -> int:
    """Destroy; again changes nothing. Answers how many blobs were named. Raises Unavailable."""
    owner = job.intake.name
    gone = {*job.staged, *_unnamed(job, {*job.unsealed, *registry.shards.owned(owner)}, registry)}
    if gone:
        registry.shards.destroy_all(sorted(gone, key=lambda one: one.sha256), f"staged for {owner}")
    registry.shards.destroy_begun(owner, f"staged for {owner}")
    return len(gone)


def _unnamed(job: ClearJob, shards: Collection[Reference], registry: Registry) -> Iterable[Reference]:
    """Shards carry the name of their dataset: only its seals name them, and rows that wait for whatever purpose."""
    if not shards:
        return ()
    intake = job.intake
    named = registry.quarantine.named({one.sha256 for one in shards})
    for record in registry.datasets.all_named(intake.tenant, intake.dataset):
        named |= shards_of(registry, record)
    return (one for one in shards if one.sha256 not in named)

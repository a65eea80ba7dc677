"""What an intake staged is destroyed when it ends, sealed or not; so is what it decided and nobody names."""

from __future__ import annotations

from collections.abc import Iterable

from activities.data.manifest import manifest_of
from assay.contracts.base import Reference
from assay.contracts.errors import NotFound
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import ClearJob
from registry import Registry


def clear(job: ClearJob, registry: Registry) -> int:
    """Destroy; again changes nothing. Answers how many blobs were named. Raises Unavailable."""
    gone = {*job.staged, *_unnamed(job, registry)}
    if gone:
        registry.shards.destroy_all(sorted(gone, key=lambda one: one.sha256), f"staged for {job.intake.name}")
    return len(gone)


def _unnamed(job: ClearJob, registry: Registry) -> Iterable[Reference]:
    """Shards carry the name of their dataset: only its seals and its rows that wait can name them."""
    if not job.unsealed:
        return ()
    intake = job.intake
    named: set[str] = set()
    for record in registry.datasets.all_named(intake.tenant, intake.dataset):
        try:
            named |= {str(shard["sha256"]) for shard in manifest_of(registry, record).get("shards", [])}
        except NotFound:
            continue  # destroyed whole
    queue = ReviewQueue(tenant=intake.tenant, dataset=intake.dataset, purpose=intake.purpose)
    named |= {row.shard.sha256 for row in registry.quarantine.all(queue)}
    return (one for one in job.unsealed if one.sha256 not in named)

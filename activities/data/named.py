"""Which shards somebody still names: nothing of that is destroyed with what it is shared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from activities.data.manifest import manifest_of
from assay.contracts.errors import NotFound
from registry import DatasetRecord, Registry


def in_use(registry: Registry, gone: Collection[str], of: Iterable[DatasetRecord]) -> set[str]:
    """Digests of shards and ledgers of datasets that are not withdrawn and not in `gone`, of the names of `of`.

    Shards carry the name of their dataset, so that only its own seals share them; a ledger may be that of any dataset
    with the same rows.
    """
    named = set(registry.datasets.ledgers_in_use(gone))
    for tenant, name in {(record.request.tenant, record.request.dataset) for record in of}:
        for record in registry.datasets.all_named(tenant, name):
            if not record.quarantined and record.dataset.id not in gone:
                named |= shards_of(registry, record)
    return named


def shards_of(registry: Registry, record: DatasetRecord) -> set[str]:
    """Digests of all shards that a manifest names, its ledger among them; none of one that was destroyed whole."""
    try:
        shards = manifest_of(registry, record).get("shards", [])
    except NotFound:
        return set()
    return {record.ledger.sha256, *(str(shard["sha256"]) for shard in shards)}

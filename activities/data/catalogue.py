"""What datasets there are: each seal with its rows, its state and the seal that it was made in the place of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from activities.data.manifest import manifest_of
from assay.contracts.base import Digest, Message, Reference
from assay.contracts.errors import NotFound
from registry import Registry, SealedRecord

State = Literal["sealed", "withdrawn", "destroyed"]


class Listed(Message):
    """A seal of a dataset. `cases` withdrew it; `replaces` is the dataset that it was sealed in the place of."""

    tenant: str
    name: str
    version: int
    digest: Digest
    accepted: int
    quarantined: int
    refused: int
    state: State
    cases: tuple[str, ...] = ()
    replaces: Digest | None = None
    sealed_at: datetime

    @property
    def title(self) -> str:
        """`acme/support/1`"""
        return f"{self.tenant}/{self.name}/{self.version}"


def catalogue(registry: Registry, tenant: str | None = None) -> tuple[Listed, ...]:
    """Everything that was sealed, or a tenant's, newest first. Raises IntegrityRefused, Unavailable."""
    return tuple(_listed(registry, record) for record in registry.datasets.list(tenant))


def _listed(registry: Registry, record: SealedRecord) -> Listed:
    request, counts, id_ = record.request, record.dataset.counts, record.dataset.id
    manifest = _manifest(registry, record)
    replaces = (manifest or {}).get("replaces")
    return Listed(
        tenant=request.tenant,
        name=request.dataset,
        version=request.version,
        digest=id_,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        refused=counts.refused,
        state=_state(registry, record, manifest),
        cases=tuple(one.case for one in registry.withdrawals.of((id_,))) if record.quarantined else (),
        replaces=replaces if isinstance(replaces, str) else None,
        sealed_at=record.sealed_at,
    )


def _manifest(registry: Registry, record: SealedRecord) -> dict[str, Any] | None:
    """Read where it tells something: what is sealed again gets a later number. None where it was destroyed."""
    if record.request.version == 1 and not record.quarantined:
        return {}
    try:
        return manifest_of(registry, record)
    except NotFound:
        return None


def _state(registry: Registry, record: SealedRecord, manifest: dict[str, Any] | None) -> State:
    """Destroyed is what nobody can read whole any more: a shard, or the ledger, has lost its key."""
    if not record.quarantined:
        return "sealed"
    if manifest is None:
        return "destroyed"
    shards = [Reference(uri=one["uri"], sha256=one["sha256"]) for one in manifest.get("shards", ())]
    return "withdrawn" if all(registry.shards.readable(one) for one in (record.ledger, *shards)) else "destroyed"

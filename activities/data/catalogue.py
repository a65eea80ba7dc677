"""What datasets there are: each seal with its rows, its state and the seal that it was made in the place of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ValidationError

from activities.data.manifest import manifest_of
from assay.contracts.base import Digest, Message, Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from registry import Registry, SealedRecord

State = Literal["sealed", "withdrawn", "destroyed", "damaged"]


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


class _Shard(BaseModel):
    """A shard of accepted rows; `sha256` is that of its ciphertext."""

    uri: str
    sha256: Digest


class _Manifest(BaseModel):
    """What is read of a manifest here; it says more."""

    replaces: Digest | None = None
    shards: tuple[_Shard, ...] = ()


@dataclass(frozen=True)
class _Seal:
    """A dataset with its manifest: None where it is gone, `damaged` where it is not what was sealed."""

    record: SealedRecord
    manifest: _Manifest | None
    damaged: bool = False

    @property
    def parts(self) -> tuple[Reference, ...]:
        """What has to be read of a withdrawn dataset for it to be whole: its ledger and its shards."""
        if not self.record.quarantined or self.manifest is None:
            return ()
        shards = (Reference(uri=one.uri, sha256=one.sha256) for one in self.manifest.shards)
        return (self.record.ledger, *shards)


def catalogue(registry: Registry, tenant: str | None = None) -> tuple[Listed, ...]:
    """Everything that was sealed, or a tenant's, newest first. Raises Unavailable.

    The registry is asked once about all of them. A manifest that is not what was sealed is told in the state of its own
    dataset, and hides no other.
    """
    seals = [_seal(registry, record) for record in registry.datasets.list(tenant)]
    readable = registry.shards.all_readable(one for seal in seals for one in seal.parts)
    cases: dict[str, tuple[str, ...]] = {}
    for one in registry.withdrawals.of([seal.record.dataset.id for seal in seals if seal.record.quarantined]):
        cases[one.name] = (*cases.get(one.name, ()), one.case)
    return tuple(_listed(seal, cases.get(seal.record.dataset.id, ()), readable) for seal in seals)


def _listed(seal: _Seal, cases: tuple[str, ...], readable: Collection[str]) -> Listed:
    record = seal.record
    request, counts = record.request, record.dataset.counts
    return Listed(
        tenant=request.tenant,
        name=request.dataset,
        version=request.version,
        digest=record.dataset.id,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        refused=counts.refused,
        state=_state(seal, readable),
        cases=cases,
        replaces=seal.manifest.replaces if seal.manifest else None,
        sealed_at=record.sealed_at,
    )


def _seal(registry: Registry, record: SealedRecord) -> _Seal:
    """The manifest is read where it tells something: what is sealed again gets a later number."""
    if record.request.version == 1 and not record.quarantined:
        return _Seal(record, _Manifest())
    try:
        return _Seal(record, _Manifest.model_validate(manifest_of(registry, record)))
    except NotFound:
        # Destroyed with a dataset that was withdrawn; nothing else takes a manifest away.
        return _Seal(record, None, damaged=not record.quarantined)
    except (IntegrityRefused, ValidationError):
        return _Seal(record, None, damaged=True)


def _state(seal: _Seal, readable: Collection[str]) -> State:
    """Destroyed is what nobody can read whole any more: a shard, or the ledger, has lost its key."""
    if seal.damaged:
        return "damaged"
    if not seal.record.quarantined:
        return "sealed"
    if seal.manifest is None:
        return "destroyed"
    return "withdrawn" if all(one.sha256 in readable for one in seal.parts) else "destroyed"

"""Two seals of one version share what did not change: the end of one is not the end of the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rfc8785

from activities.erasure import resealing, shredding, withdrawing
from assay.contracts.base import Reference
from assay.contracts.data import Dataset
from assay.contracts.erasure import CaseJob, ErasureRequest
from registry import LedgerEntry, Registry

from .scene import ledger_row, request, sealed


def sealed_again(registry: Registry, former: Dataset) -> Dataset:
    """The same shards and ledger under another manifest, as where an intake of the version ran again."""
    body = json.loads(registry.blobs.get(former.manifest)) | {"synthetic_share": 0.5}
    manifest = registry.blobs.put(rfc8785.dumps(body))
    names = ("row_id", "source", "outcome", "licence", "consent", "tier", "subject")
    entries = [LedgerEntry.model_validate({k: ledger_row(n)[k] for k in names} | {"ordinal": n}) for n in range(8)]
    dataset = former.model_copy(update={"id": manifest.sha256, "manifest": manifest})
    registry.datasets.add(dataset, request(), registry.datasets.get(former.id).ledger, entries)
    return dataset


def expire(registry: Registry, dataset: Dataset, case: str, home: Path) -> None:
    order = ErasureRequest(
        tenant="acme",
        ground="retention",
        dataset=dataset.id,
        source="tickets",
        suppress=False,
        role="owner",
        requested_by="ann",
    )
    mine = CaseJob(case=case, workflow="w", decision_id="d", request=order)
    withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    shredding.shred(registry, mine, withdrawn, home)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_shared_shards_go_with_the_last_seal(registry: Registry, tmp_path: Path, order: tuple[int, int]) -> None:
    first = sealed(registry, tmp_path)
    both = (first, sealed_again(registry, first))
    shards = [
        Reference(uri=one["uri"], sha256=one["sha256"])
        for body in (json.loads(registry.blobs.get(first.manifest)),)
        for one in (*body["shards"], body["ledger"])
    ]
    expire(registry, both[order[0]], "acme.51d0e2aa17cc", tmp_path)
    assert not registry.datasets.get(both[order[1]].id).quarantined
    assert all(registry.shards.readable(one) for one in shards)
    expire(registry, both[order[1]], "acme.000000000001", tmp_path)
    assert not any(registry.shards.readable(one) for one in shards)

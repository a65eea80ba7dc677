"""What a card says that the promotion request does not: the datasets, and the card that is in production."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from assay.contracts.promotion import PointerQuery
from evals.card import DatasetFacts
from registry import Registry


def dataset_facts(registry: Registry, ids: Iterable[str]) -> list[DatasetFacts]:
    """Facts of each dataset. Raises NotFound."""
    return [_facts(registry, id_) for id_ in ids]


def production_card(registry: Registry, tenant: str, model: str) -> dict[str, Any] | None:
    """The card of the version that production points at, if any."""
    pointer = registry.pointers.read(PointerQuery(tenant=tenant, model=model, stage="production"))
    if pointer.target is None:
        return None
    document: dict[str, Any] = json.loads(
        registry.blobs.get(registry.versions.get(pointer.target, tenant=tenant, model=model).card.card)
    )
    return document


def _facts(registry: Registry, id_: str) -> DatasetFacts:
    record = registry.datasets.get(id_)
    counts, sources = record.dataset.counts, record.request.sources
    return DatasetFacts(
        id=id_,
        accepted=counts.accepted,
        redacted=counts.redacted,
        refused=counts.refused,
        licences=record.licences,
        tiers=tuple(sorted({source.tier for source in sources})),
        synthetic_sources=tuple(sorted(source.name for source in sources if source.synthetic_depth > 0)),
    )

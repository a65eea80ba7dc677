"""What the training gate is asked about: read from the registry, never from the request alone."""

from __future__ import annotations

import json
from typing import Any

from activities.data.licences import normalise
from assay.contracts.base import BasePin
from assay.contracts.errors import AssayError, NotFound
from assay.contracts.training import TrainingRequest
from registry import DatasetRecord, Registry


def training_facts(registry: Registry, request: TrainingRequest) -> dict[str, Any]:
    """Input document of the training gate.

    A dataset that is not in the registry is stated as not accepted: the gate refuses it with a reason.

    Raises NotFound (`BASE_UNKNOWN`), Unavailable.
    """
    spec = request.spec
    return {
        "tenant": request.tenant,
        "model": request.model,
        "purpose": request.purpose,
        "requested_by": request.requested_by,
        "base": base_facts(registry, spec.base),
        "datasets": [_dataset_facts(registry, share.dataset) for share in spec.datasets],
        "recipe": spec.recipe.model_dump(mode="json"),
        "budget": spec.budget.model_dump(mode="json"),
        "template": spec.template,
    }


def base_facts(registry: Registry, pin: BasePin) -> dict[str, Any]:
    """The pin as asked for, with the licence on record for exactly that digest."""
    record = registry.bases.by_digest(pin.digest)
    same = (record.pin.repository, record.pin.revision) == (pin.repository, pin.revision)
    return {**pin.model_dump(mode="json"), "licence": record.licence if same else None}


def _dataset_facts(registry: Registry, digest: str) -> dict[str, Any]:
    try:
        record = registry.datasets.get(digest)
    except NotFound:
        return {"id": digest, "accepted": False, "sealed": False}
    return {
        "id": digest,
        "tenant": record.request.tenant,
        "purpose": record.request.purpose,
        "accepted": record.dataset.counts.accepted > 0,
        "sealed": registry.blobs.has(record.dataset.manifest),
        "quarantined": record.quarantined,
        "licences": sorted({name for source in record.request.sources for name in normalise(source.licence).ids}),
        "synthetic_share": _synthetic_share(registry, record),
    }


def _synthetic_share(registry: Registry, record: DatasetRecord) -> float | None:
    """Share of accepted rows from sources that a model wrote; None, which the gate refuses, when nobody counted."""
    synthetic = {source.name for source in record.request.sources if source.synthetic_depth > 0}
    if not synthetic:
        return 0.0
    try:
        counted = json.loads(registry.blobs.get(record.dataset.manifest))["sources"]
        accepted = {source["name"]: int(source["counts"]["accepted"]) for source in counted}
        return sum(accepted[name] for name in synthetic) / sum(accepted.values())
    except (AssayError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None

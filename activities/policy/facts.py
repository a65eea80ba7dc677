"""What the training gate is asked about: read from the registry, never from the request alone."""

from __future__ import annotations

import json
from typing import Any

from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.training import PinnedTraining
from registry import DatasetRecord, Registry


def training_facts(registry: Registry, request: PinnedTraining) -> dict[str, Any]:
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
        manifest = _manifest(registry, record)
    except (NotFound, IntegrityRefused):
        return {"id": digest, "accepted": False, "sealed": False}
    return {
        "id": digest,
        "tenant": record.request.tenant,
        "purpose": record.request.purpose,
        "accepted": record.dataset.counts.accepted > 0,
        "sealed": record.dataset.manifest.sha256 == digest,
        "quarantined": record.quarantined,
        "licences": manifest.get("licences"),
        "synthetic_share": manifest.get("synthetic_share"),
    }


def _manifest(registry: Registry, record: DatasetRecord) -> dict[str, Any]:
    """What the manifest says; a field that it does not say is absent, which the gate refuses.

    Raises NotFound, IntegrityRefused (`MANIFEST_MALFORMED`, `BLOB_TAMPERED`), Unavailable.
    """
    try:
        manifest = json.loads(registry.blobs.get(record.dataset.manifest))
    except ValueError as error:
        raise IntegrityRefused("MANIFEST_MALFORMED", "a dataset's manifest is no JSON", "seal it again") from error
    return manifest if isinstance(manifest, dict) else {}

"""What the training gate is asked about: read from the registry, never from the request alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.data.manifest import composition_of, licence_terms, manifest_of, ways_of
from activities.data.mixes import plan_of
from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.training import MixPlan, PinnedTraining, RunSpec
from registry import Registry


def training_facts(registry: Registry, request: PinnedTraining) -> dict[str, Any]:
    """Input document of the training gate.

    A dataset that is not in the registry is stated as not accepted: the gate refuses it with a reason.

    Raises NotFound (`BASE_UNKNOWN`), Unavailable.
    """
    datasets = [_dataset_facts(registry, share.dataset) for share in request.spec.datasets]
    return stated(registry, request, datasets, _plan(registry, request.spec))


def stated(
    registry: Registry, request: PinnedTraining, datasets: list[dict[str, Any]], plan: MixPlan | None
) -> dict[str, Any]:
    """The same, about datasets as they are stated: of what is only planned there is nothing on record.

    Raises NotFound (`BASE_UNKNOWN`), Unavailable.
    """
    spec = request.spec
    return {
        "tenant": request.tenant,
        "model": request.model,
        "purpose": request.purpose,
        "requested_by": request.requested_by,
        "base": base_facts(registry, spec.base),
        "datasets": datasets,
        # What it comes to; its parts are told apart in the status, not to the gate.
        "mix": plan and plan.model_dump(mode="json", exclude={"parts"}),
        "recipe": spec.recipe.model_dump(mode="json"),
        "budget": spec.budget.model_dump(mode="json"),
        "template": spec.template,
    }


def base_facts(registry: Registry, pin: BasePin) -> dict[str, Any]:
    """The pin as asked for, with the licence on record for exactly that digest."""
    record = registry.bases.by_digest(pin.digest)
    same = (record.pin.repository, record.pin.revision) == (pin.repository, pin.revision)
    stated = record.licence if same else None
    return {**pin.model_dump(mode="json"), "licence": stated, "licences": ways_of(stated or "")}


def _plan(registry: Registry, spec: RunSpec) -> MixPlan | None:
    """None where a dataset does not say what it is made of: the gate refuses that."""
    try:
        return plan_of(registry, spec)
    except (NotFound, IntegrityRefused):
        return None


def _dataset_facts(registry: Registry, digest: str) -> dict[str, Any]:
    try:
        record = registry.datasets.get(digest)
        manifest = manifest_of(registry, record)
    except (NotFound, IntegrityRefused):
        return {"id": digest, "accepted": False, "sealed": False}
    return {
        "id": digest,
        "tenant": record.request.tenant,
        "purpose": record.request.purpose,
        "accepted": record.dataset.counts.accepted > 0,
        "sealed": record.dataset.manifest.sha256 == digest,
        "quarantined": record.quarantined,
        "licences": _licences(manifest),
        "synthetic_share": manifest.get("synthetic_share"),
    }


def _licences(manifest: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    try:
        return licence_terms(composition_of(manifest))
    except IntegrityRefused:
        return None

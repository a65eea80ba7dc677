"""Names that somebody typed: what nothing is on record of is a misspelt name, and no empty answer."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

from assay.contracts.errors import NotFound

if TYPE_CHECKING:
    from registry import Registry


def require_tenant(registry: Registry, tenant: str | None) -> None:
    """None is every tenant. Raises NotFound (`TENANT_UNKNOWN`)."""
    if tenant is not None and not registry.names.knows(tenant):
        remedy = _remedy(tenant, registry.names.tenants(), "`assay data list` and `assay models` name tenants")
        raise NotFound("TENANT_UNKNOWN", f"nothing is on record of a tenant {tenant}", remedy)


def require_dataset(registry: Registry, tenant: str, dataset: str) -> None:
    """Raises NotFound (`TENANT_UNKNOWN`, `DATASET_UNKNOWN`)."""
    require_tenant(registry, tenant)
    if not registry.names.knows_dataset(tenant, dataset):
        known = registry.names.datasets(tenant)
        remedy = _remedy(dataset, known, f"`assay data list {tenant}` names the sealed ones; an intake makes them")
        raise NotFound("DATASET_UNKNOWN", f"{tenant} has no dataset {dataset}", remedy)


def require_model(registry: Registry, tenant: str, model: str) -> None:
    """Raises NotFound (`TENANT_UNKNOWN`, `MODEL_UNKNOWN`)."""
    require_tenant(registry, tenant)
    if not registry.names.knows_model(tenant, model):
        known = registry.names.models(tenant)
        remedy = _remedy(model, known, f"`assay models --tenant {tenant}` and `assay runs --tenant {tenant}` name them")
        raise NotFound("MODEL_UNKNOWN", f"{tenant} has no model {model}", remedy)


def _remedy(typed: str, known: Collection[str], otherwise: str) -> str:
    near = get_close_matches(typed, sorted(known), 1)
    return f"did you mean {near[0]}? {otherwise}" if near else otherwise

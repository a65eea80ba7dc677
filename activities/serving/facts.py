"""What the routes gate looks at: every (tenant, version) pair that a new table would let meet."""

from __future__ import annotations

from typing import Any, Literal

from assay.contracts.errors import NotFound
from assay.contracts.promotion import PointerQuery
from assay.contracts.rollout import RouteTable
from registry import Registry, VersionRecord
from serving.routes import Pair, route_of, versions_on_trial


def route_facts(registry: Registry, current: RouteTable, revision: int, pairs: tuple[Pair, ...]) -> dict[str, Any]:
    """Input document of the routes gate about the table after `current`.

    An unregistered version is stated as unknown: policy refuses it.
    """
    return {"revision": revision, "pairs": [_pair_facts(registry, current, pair) for pair in pairs]}


def _pair_facts(registry: Registry, current: RouteTable, pair: Pair) -> dict[str, Any]:
    tried = versions_on_trial(route_of(current, pair.tenant, pair.model))
    return {
        "tenant": pair.tenant,
        "model": pair.model,
        "use": pair.use,
        "base_digest": pair.base.digest,
        "version": None
        if pair.version is None
        else {**_version_facts(registry, pair, pair.version), "on_trial": pair.version in tried},
        "incidents": [incident.id for incident in registry.incidents.open_for(pair.tenant, pair.model)],
    }


def _version_facts(registry: Registry, pair: Pair, digest: str) -> dict[str, Any]:
    version = _registered(registry, pair, digest)
    if version is None:
        return {"digest": digest, "known": False}
    events = registry.pointers.events(pair.tenant, pair.model)
    return {
        "digest": digest,
        "known": True,
        "tenant": version.tenant,
        "model": version.model,
        "base_digest": version.base.digest,
        "quarantined": version.quarantined,
        "signed": version.signature is not None,
        # A release decision that allowed has moved this model's staging pointer; one about another model has not.
        "released": any(e.stage == "staging" and e.target == digest and e.decision_id for e in events),
        "staged": _points_at(registry, pair, "staging") == digest,
        "in_production": _points_at(registry, pair, "production") == digest,
    }


def _registered(registry: Registry, pair: Pair, digest: str) -> VersionRecord | None:
    """This model's version of these weights, else anybody's: what belongs to somebody else is refused as that."""
    for tenant, model in ((pair.tenant, pair.model), (None, None)):
        try:
            return registry.versions.get(digest, tenant=tenant, model=model)
        except NotFound:
            continue
    return None


def _points_at(registry: Registry, pair: Pair, stage: Literal["staging", "production"]) -> str | None:
    return registry.pointers.read(PointerQuery(tenant=pair.tenant, model=pair.model, stage=stage)).target

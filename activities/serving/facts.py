"""What the routes gate looks at: every (tenant, version) pair that a new table would let meet."""

from __future__ import annotations

from typing import Any

from assay.contracts.errors import NotFound
from registry import Registry
from serving.routes import Pair


def route_facts(registry: Registry, revision: int, pairs: tuple[Pair, ...]) -> dict[str, Any]:
    """Input document of the routes gate. An unregistered version is stated as unknown: policy refuses it."""
    return {"revision": revision, "pairs": [_pair_facts(registry, pair) for pair in pairs]}


def _pair_facts(registry: Registry, pair: Pair) -> dict[str, Any]:
    return {
        "tenant": pair.tenant,
        "model": pair.model,
        "use": pair.use,
        "base_digest": pair.base.digest,
        "version": None if pair.version is None else _version_facts(registry, pair.version),
    }


def _version_facts(registry: Registry, digest: str) -> dict[str, Any]:
    try:
        version = registry.versions.get(digest)
    except NotFound:
        return {"digest": digest, "known": False}
    decisions = registry.decisions.list(subject=digest)
    return {
        "digest": digest,
        "known": True,
        "tenant": version.tenant,
        "model": version.model,
        "base_digest": version.base.digest,
        "quarantined": version.quarantined,
        "signed": version.signature is not None,
        "released": any(d.gate == "release" and d.allow for d in decisions),
    }

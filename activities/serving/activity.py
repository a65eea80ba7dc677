"""Serving activities: adapters in and out of engines, route tables under policy, canaries judged."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from temporalio import activity

from activities.policy.client import PolicyClient
from activities.serving.publishing import permit, publish
from activities.signing.version import verify_version
from assay.contracts.errors import NotFound
from assay.contracts.names import adapter_name
from assay.contracts.rollout import (
    Analysis,
    AnalysisJob,
    ArmObservation,
    RouteChange,
    RoutesPublished,
    WarmJob,
)
from assay.settings import Settings
from registry import Registry, VersionRecord
from serving.adapters import AdapterStore
from serving.analysis import judge
from serving.engines.protocol import Engine
from serving.engines.sglang import SGLangEngine
from serving.gateways import Gateways
from serving.loading import Loader
from serving.reconciler import Reconciler
from serving.routes import adapters_needed

LOOKED_BACK: Final = 200
"""Route tables, in which a worker that begins looks for adapters that may be loaded still."""


class ServingActivities:
    """Shell over `serving`; opens its connections at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.warm_version, self.cool_version, self.permit_routes, self.publish_routes, self.analyse_canary]

    @activity.defn(name="warm_version")
    async def warm_version(self, job: WarmJob) -> None:
        """See `assay.contracts.rollout.warm_version`."""
        for engine in self.engines:
            await self._load_version(engine, job.tenant, job.model, job.version)

    @activity.defn(name="cool_version")
    async def cool_version(self, job: WarmJob) -> None:
        """See `assay.contracts.rollout.cool_version`."""
        name = adapter_name(job.tenant, job.model, job.version)
        if name in adapters_needed(await asyncio.to_thread(self._registry.routes.current)):
            return
        for engine in self.engines:
            if name in await engine.loaded():
                await engine.unload(name)

    @activity.defn(name="permit_routes")
    async def permit_routes(self, change: RouteChange) -> str:
        """See `assay.contracts.rollout.permit_routes`."""
        return await asyncio.to_thread(permit, self._registry, self._policy, change)

    @activity.defn(name="publish_routes")
    async def publish_routes(self, change: RouteChange) -> RoutesPublished:
        """See `assay.contracts.rollout.publish_routes`."""
        begun = time.perf_counter()
        published = await asyncio.to_thread(publish, self._registry, self._policy, change)
        gateways = await self.gateways.refresh(published.revision)
        flip = (time.perf_counter() - begun) * 1000
        decision_id = await asyncio.to_thread(self._registry.routes.decision_id, published.revision)
        return RoutesPublished(
            revision=published.revision, gateways=gateways, decision_id=decision_id, flip_milliseconds=flip
        )

    @activity.defn(name="analyse_canary")
    async def analyse_canary(self, job: AnalysisJob) -> Analysis:
        """See `assay.contracts.rollout.analyse_canary`."""
        seen = await self.gateways.observations(job.tenant, job.model, job.since_revision, job.version)
        watched = "shadow" if job.shadow else "canary"
        candidate = seen.get(watched) or ArmObservation(arm=watched, requests=0, bad=0)
        return judge(candidate, seen.get("stable"), job.rules, job.min_requests)

    def reconciler(self) -> Reconciler:
        """The loop that a serving worker runs beside its activities."""
        registry = self._registry
        return Reconciler(
            self.engines, registry.routes.current, self._load_by_name, self._named_before, self._discard_withdrawn
        )

    def _discard_withdrawn(self) -> frozenset[str]:
        """Adapters that no engine may hold; nor does this disk, where an engine could be told to read them."""
        digests = frozenset(one.name for one in self._registry.withdrawals.by_kind("adapter"))
        store = AdapterStore(self._settings.home, self._registry.blobs)
        for digest in sorted(digests):
            store.discard(digest)
        return digests

    def _named_before(self) -> frozenset[str]:
        tables = self._registry.routes.latest(LOOKED_BACK)
        return frozenset(name for table in tables for name in adapters_needed(table))

    async def _load_by_name(self, engine: Engine, name: str) -> bool:
        """Find the version behind an engine-side name in the route table, then load it."""
        for route in (await asyncio.to_thread(self._registry.routes.current)).routes:
            for version in await asyncio.to_thread(self._versions, route.tenant, route.model):
                if adapter_name(route.tenant, route.model, version) == name:
                    return await self._load_version(engine, route.tenant, route.model, version)
        raise NotFound("VERSION_UNKNOWN", f"no registered version is called {name}", "see `assay models`")

    def _versions(self, tenant: str, model: str) -> list[str]:
        return [v.digest for v in self._registry.versions.list(tenant=tenant, model=model)]

    async def _load_version(self, engine: Engine, tenant: str, model: str, digest: str) -> bool:
        version = await asyncio.to_thread(self._registry.versions.get, digest, tenant=tenant, model=model)
        key = self._settings.home / "keys" / "signing.pub.pem"

        def verify(path: Path, expected: str) -> None:
            verify_version(self._registry, expected, key, tenant=tenant, model=model, directory=path)

        name = adapter_name(tenant, model, digest)
        loader = await asyncio.to_thread(self._loader, version)
        return await loader.ensure(engine, name, digest, version.files, verify)

    def _loader(self, version: VersionRecord) -> Loader:
        base = self._registry.bases.by_digest(version.base.digest)
        config = json.loads((Path(base.path) / "config.json").read_text("utf-8"))
        store = AdapterStore(self._settings.home, self._registry.blobs)
        rank, refuse = self._settings.engine.max_lora_rank, self._registry.withdrawals.refuse
        return Loader(store, base.pin, config, rank, refuse)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _policy(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)

    @cached_property
    def gateways(self) -> Gateways:
        """The fleet, for other activities of this worker too."""
        return Gateways(self._settings.gateways, self._settings.control_key.get_secret_value())

    @cached_property
    def engines(self) -> tuple[Engine, ...]:
        """All engines, likewise."""
        data, admin = (key.get_secret_value() for key in (self._settings.engine_key, self._settings.control_key))
        return tuple(SGLangEngine(url, data, admin) for url in self._settings.engines)

"""The doors that are not for tenants: health, metrics, refresh, observations."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import orjson

from assay.contracts.errors import Unavailable
from assay.telemetry import traces
from serving.gateway import cohort
from serving.gateway.errors import Refusal, invalid, wrong_key
from serving.gateway.http import Request
from serving.gateway.metrics import Metrics
from serving.gateway.observations import Observations, merged
from serving.gateway.peers import ALONE, Peers
from serving.gateway.pool import Pool
from serving.gateway.source import Routes


@dataclass(frozen=True, slots=True)
class Admin:
    """Handlers of one gateway process."""

    routes: Routes
    pool: Pool
    peers: Peers
    observations: Observations
    metrics: Metrics
    key: str

    def authorise(self, request: Request) -> None:
        """Only the admin key, compared in constant time. Raises Refusal `invalid_api_key`."""
        if not self.key or not hmac.compare_digest(request.bearer().encode(), self.key.encode()):
            raise wrong_key()

    async def refresh(self, request: Request) -> None:
        """POST /admin/refresh: returns after the newest table is in force; no request that begins later misses it."""
        self.authorise(request)
        with traces.span("refresh", "server", {"assay.request_id": request.id}, parent=request.trace_context()) as span:
            revision = await self._refreshed(request)
            span.set_attribute("assay.route_revision", revision)
        await request.answer(200, orjson.dumps({"revision": revision}))

    async def _refreshed(self, request: Request) -> int:
        try:
            if request.query_value("scope") == ALONE:
                revisions = [await self.routes.refresh()]
            else:
                own, others = await asyncio.gather(self.routes.refresh(), self.peers.refresh())
                revisions = [own, *others]
        except Unavailable as error:
            raise Refusal(503, error.code.lower(), error.message, error.remedy) from error
        return min(revisions)

    async def seen(self, request: Request) -> None:
        """GET /admin/observations?tenant=&model=&since_revision=: what was counted, by arm and by version."""
        self.authorise(request)
        query = {name: request.query_value(name) for name in ("tenant", "model", "since_revision")}
        since = query["since_revision"] or "0"
        if not query["tenant"] or not query["model"] or not since.isdecimal():
            raise invalid("tenant", "Give `tenant`, `model` and a whole number `since_revision`.")
        report = self.observations.report(query["tenant"], query["model"], int(since))
        if request.query_value("scope") != ALONE:
            try:
                report = merged([report, *await self.peers.observations(query)])
            except Unavailable as error:
                raise Refusal(503, error.code.lower(), error.message, error.remedy) from error
        await request.answer(200, orjson.dumps(report))

    async def health(self, request: Request) -> None:
        """GET /healthz: 200 when this gateway can answer, with or without its control plane."""
        ready = self.routes.snapshot.ready
        state = {
            "status": "ok" if ready else "no routes yet",
            "revision": self.routes.snapshot.revision if ready else None,
            "engines": {"reachable": sum(up.reachable for up in self.pool.upstreams), "all": len(self.pool.upstreams)},
            "cohorts": cohort.ALGORITHM,
        }
        await request.answer(200 if ready else 503, orjson.dumps(state))

    async def scrape(self, request: Request) -> None:
        """GET /metrics: from this machine, or with the admin key, because the labels name tenants."""
        if not _is_local(request):
            self.authorise(request)
        await request.answer(200, self.metrics.render(), (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"))


_FORWARDED: Final = (b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip")


def _is_local(request: Request) -> bool:
    """Asked on this machine, and not by a front that passes on what somebody else asks."""
    if any(request.header(name) is not None for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client).is_loopback
    except ValueError:
        return False

"""The ASGI application: lifespan, and a table of routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from assay.contracts.errors import Unavailable
from assay.contracts.rollout import RouteTable
from assay.telemetry.logs import request_id
from assay.telemetry.traces import flush_traces
from serving.gateway.admin import Admin
from serving.gateway.admission import Admission
from serving.gateway.chat import Chat
from serving.gateway.engine import EngineClient, open_session
from serving.gateway.errors import Refusal
from serving.gateway.http import ClientGone, Receive, Request, Scope, Send
from serving.gateway.metrics import Metrics
from serving.gateway.observations import Observations
from serving.gateway.openapi import DESCRIPTION
from serving.gateway.peers import Peers
from serving.gateway.shadow import Shadows
from serving.gateway.snapshot import NO_ADAPTER, stamp
from serving.gateway.source import Routes, RouteSource

logger = logging.getLogger("assay.gateway")
access = logging.getLogger("assay.gateway.access")
_START_PATIENCE: Final = 10.0
_LOOK_SECONDS: Final = 2.0
_unrouted = lru_cache(8)(lambda revision: stamp("none", NO_ADAPTER, "none", revision))
Handler = Callable[[Request], Awaitable[None]]


class GatewayConfig(BaseModel):
    """What one gateway process needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[str, ...] = Field(min_length=1)
    engine_key: SecretStr = SecretStr("")
    admin_key: SecretStr = SecretStr("")
    state_file: Path = Field(description="last good route table")
    peers: Path | None = Field(default=None, description="folder of the processes' control ports; None is one process")
    max_body: int = Field(default=1 << 20, ge=1, description="bytes")
    body_seconds: float = Field(default=30.0, gt=0, description="within which a body must have come in")
    max_in_flight: int = Field(default=1024, ge=1)
    max_in_flight_per_tenant: int = Field(default=256, ge=1)


class Gateway:
    """One process's application. Everything that needs the event loop is made in the lifespan."""

    def __init__(self, source: RouteSource, config: GatewayConfig) -> None:
        self._config = config
        self._metrics = Metrics()
        self.routes = Routes(source, config.state_file, self._in_force, self._see_adapters)
        self._handlers: Mapping[str, Mapping[str, Handler]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(Request(scope, receive, send, _unrouted(max(self.routes.snapshot.revision, 0))))
        else:
            await send({"type": "websocket.close"})

    async def _http(self, request: Request) -> None:
        request_id.set(request.id)
        try:
            await self._handler(request)(request)
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.code).inc()
            access.info("refused", extra={"status": refusal.status, "code": refusal.code, "method": request.method})
            await request.refuse(refusal)
        except ClientGone:
            logger.debug("client gone: %s", request.id)
        except Exception:
            logger.exception("request %s failed in the gateway", request.id)
            if not request.answered:
                await request.refuse(
                    Refusal(500, "internal_error", "The gateway failed.", "Tell the operator the request id.")
                )

    def _handler(self, request: Request) -> Handler:
        methods = self._handlers.get(request.path)
        if methods is None:
            raise Refusal(404, "not_found", "There is no such resource.", "See /openapi.json.")
        handler = methods.get(request.method)
        if handler is None:
            message, remedy = "This resource has another method.", "See /openapi.json."
            raise Refusal(405, "method_not_allowed", message, remedy, allow=", ".join(methods))
        return handler

    async def _models(self, request: Request) -> None:
        """GET /v1/models: the caller's own, nobody else's."""
        snapshot = self.routes.snapshot
        tenant, _ = snapshot.tenant(request.bearer())
        names = snapshot.models.get(tenant, ())
        cards = [{"id": name, "object": "model", "created": 0, "owned_by": tenant} for name in names]
        await request.answer(200, orjson.dumps({"object": "list", "data": cards}))

    async def _describe(self, request: Request) -> None:
        await request.answer(200, orjson.dumps(DESCRIPTION))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Open the session, take the last good table, then keep up with the control plane and the engines."""
        config = self._config
        self._session = open_session()
        observations = Observations()
        self.engine = EngineClient(config.engines, self._session, config.engine_key.get_secret_value())
        self._shadows = Shadows(self.engine, observations, self._metrics)
        admin_key = config.admin_key.get_secret_value()
        peers = Peers(config.peers, self._session, admin_key)
        admin = Admin(self.routes, self.engine.pool, peers, observations, self._metrics, admin_key)
        admission = Admission(config.max_in_flight, config.max_in_flight_per_tenant)
        bounds = config.max_body, config.body_seconds
        chat = Chat(self.routes, self.engine, admission, self._shadows, observations, self._metrics, *bounds)
        self._handlers = {
            "/v1/chat/completions": {"POST": chat},
            "/v1/models": {"GET": self._models},
            "/healthz": {"GET": admin.health},
            "/metrics": {"GET": admin.scrape},
            "/openapi.json": {"GET": self._describe},
            "/admin/refresh": {"POST": admin.refresh},
            "/admin/observations": {"GET": admin.seen},
        }
        await self.engine.pool.look()
        self.routes.restore()
        await self._catch_up()
        await self._see_adapters(self.routes.adapters())
        loops = (self.routes.poll(), self.engine.pool.poll(), self._look_around())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def _in_force(self, table: RouteTable) -> None:
        arms = {
            (route.tenant, route.model, version or NO_ADAPTER)
            for route in table.routes
            for version in (None, *(arm.version for arm in route.arms), route.shadow.version if route.shadow else None)
        }
        self._metrics.in_force(table.revision, arms)

    async def _look_around(self) -> None:
        """Show what this gateway depends on, until cancelled."""
        while True:
            upstreams = self.engine.pool.upstreams
            self._metrics.look(self.routes.refreshed, sum(up.reachable for up in upstreams), len(upstreams))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _see_adapters(self, adapters: frozenset[str]) -> None:
        """An adapter is warmed right before the table that names it, so perhaps after the last look at the engines."""
        await self.engine.pool.see(adapters)

    async def _catch_up(self) -> None:
        """A new process does not begin with an older table than the control plane has, when that can be asked."""
        try:
            async with asyncio.timeout(_START_PATIENCE):
                await self.routes.refresh()
        except (Unavailable, TimeoutError):
            logger.warning("starting without the control plane", exc_info=True)

    async def stop(self) -> None:
        """After the last request: give everything back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._shadows.close()
        await asyncio.to_thread(flush_traces)
        self.engine.close()
        await self._session.close()

"""POST /v1/chat/completions: who asks, which arm answers, what came of it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from serving.gateway.admission import Admission
from serving.gateway.body import ChatRequest, parse
from serving.gateway.cohort import bucket
from serving.gateway.engine import EngineClient
from serving.gateway.errors import Refusal
from serving.gateway.http import ClientGone, Request
from serving.gateway.judge import Sign
from serving.gateway.metrics import Metrics
from serving.gateway.observations import Observations
from serving.gateway.relay import Relay
from serving.gateway.shadow import Shadows
from serving.gateway.snapshot import Target
from serving.gateway.source import Routes
from serving.gateway.telemetry import attributes, chat_span
from serving.gateway.watch import Watch, Watches

access = logging.getLogger("assay.gateway.access")
CLIENT_GONE = 499
"""In logs and metrics only; nginx's number for a client that hung up."""


@dataclass(frozen=True, slots=True)
class Chat:
    """The data path."""

    routes: Routes
    engine: EngineClient
    admission: Admission
    shadows: Shadows
    observations: Observations
    metrics: Metrics
    max_body: int
    body_seconds: float
    watches: Watches = field(default_factory=Watches)

    async def __call__(self, request: Request) -> None:
        """Answer one request. Raises Refusal when no arm was asked, ClientGone."""
        tenant, key = self.routes.snapshot.tenant(request.bearer())
        # Admission comes first: bodies that are still coming in take memory and connections as well.
        with self.admission.enter(tenant):
            body = parse(await request.body(self.max_body, self.body_seconds))
            # From here to the engine nothing waits: a table that came into force while the body came in is used.
            route = self.routes.snapshot.route(tenant, body.model)
            session = request.header(b"x-assay-session") or body.user or key
            target = route.pick(bucket(tenant, body.model, session))
            request.stamp = target.headers
            with chat_span(request, target) as span:
                self.shadows.offer(route, body)
                await self._exchange(request, target, body, span)

    async def _exchange(self, request: Request, target: Target, body: ChatRequest, span: Any) -> None:  # noqa: ANN401
        relay, refusal, status = Relay(target, body, request), None, 200
        watch = Watch(request, self.watches)
        try:
            async with self.engine.post(target, body.encode(target)) as response:
                await relay.carry(response)
        except Refusal as error:
            refusal, status = error, error.status
            await (relay.break_off(error) if request.answered else request.refuse(error))
        except asyncio.CancelledError:
            status = CLIENT_GONE
            if watch.fired():
                raise ClientGone from None
            raise
        except Exception:
            status = 500  # ours, and answered by who called: never counted as an answer
            raise
        finally:
            watch.stop()
            self._account(request, target, body, relay, status, refusal, span)

    def _account(
        self,
        request: Request,
        target: Target,
        body: ChatRequest,
        relay: Relay,
        status: int,
        refusal: Refusal | None,
        span: Any,  # noqa: ANN401  # OpenTelemetry's, or one that nobody exports
    ) -> None:
        """Judge, count and log, after the client has its answer. Clients' own faults are not the arm's."""
        found: frozenset[Sign] = frozenset()
        if status == 200:
            found = self.observations.judge(target, body.fields, relay.choices)
        elif status >= 500:
            found = frozenset({"ERROR"})
        first_byte = relay.first_byte - request.started if relay.first_byte else None
        if status == 200 or status >= 500:
            self.observations.record(target, found, first_byte)
        self.metrics.answered(target, status, found, first_byte)
        self.metrics.metered(target, relay.usage)
        span.set_attribute("http.response.status_code", status)
        if refusal:
            span.set_attribute("error.type", refusal.code)
        access.info(
            "chat",
            extra={
                **attributes(request, target),
                "status": status,
                "code": refusal.code if refusal else None,
                "signs": sorted(found),
                "stream": body.stream,
                "first_byte_ms": round(first_byte * 1000, 2) if first_byte else None,
                "total_ms": round((time.perf_counter() - request.started) * 1000, 2),
                **{name: relay.usage.get(name) for name in ("prompt_tokens", "completion_tokens")},
            },
        )

"""Copies of live requests to a shadow arm: in the background, bounded, judged and thrown away."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from serving.gateway.body import ChatRequest
from serving.gateway.engine import EngineClient
from serving.gateway.errors import Refusal
from serving.gateway.judge import Sign
from serving.gateway.metrics import Metrics
from serving.gateway.observations import Observations
from serving.gateway.relay import Relay
from serving.gateway.snapshot import CompiledRoute, Target

logger = logging.getLogger("assay.gateway")
MOST_IN_FLIGHT: Final = 4


class Shadows:
    """Sends an exact share of each route's requests a second time. Never awaited by the request that is copied."""

    def __init__(self, engine: EngineClient, observations: Observations, metrics: Metrics) -> None:
        self._engine, self._observations, self._metrics = engine, observations, metrics
        self._due: dict[tuple[str, str], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, route: CompiledRoute, body: ChatRequest) -> None:
        """Copy this request when its route's share says so; drop the copy when too many are in flight."""
        target = route.shadow
        if target is None:
            return
        key = (target.tenant, target.model)
        due = self._due.get(key, 0.0) + route.shadow_share
        self._due[key] = due % 1.0
        if due < 1.0:
            return
        if len(self._tasks) >= MOST_IN_FLIGHT:
            self._metrics.shadow_dropped.labels(*key).inc()
            return
        task = asyncio.create_task(self._run(target, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, target: Target, body: ChatRequest) -> None:
        started = asyncio.get_running_loop().time()
        relay = Relay(target, body, None)
        found: frozenset[Sign]
        try:
            async with self._engine.post(target, body.encode(target)) as response:
                await relay.carry(response)
            found = self._observations.judge(target, body.fields, relay.choices)
        except Refusal as refusal:
            if refusal.status < 500:
                return
            found = frozenset({"ERROR"})
        took = asyncio.get_running_loop().time() - started
        self._observations.record(target, found, None if "ERROR" in found else took)
        self._metrics.answered(target, 502 if "ERROR" in found else 200, found, took)

    async def close(self) -> None:
        """Drop what is in flight."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

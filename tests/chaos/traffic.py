"""Live traffic through the gateway, and an eye on when gateway and engine can answer at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from assay.contracts.errors import AssayError
from serving.routes import adapters_needed

from .house import House

_TIMEOUT: Final = aiohttp.ClientTimeout(total=120)
SETTLING: Final = 8.0
"""Seconds in which a gateway has looked at its engines again (every 2 s, for at most 4)."""


@dataclass(frozen=True)
class Seen:
    """One request as its sender saw it. `status` 0: no answer."""

    tenant: str
    model: str
    started: float
    ended: float
    status: int
    arm: str = ""
    adapter: str = ""
    revision: int = -1
    error: str = ""


@dataclass
class Traffic:
    """A user for each model, from the moment that it has a route."""

    house: House
    keys: dict[str, str]
    seen: list[Seen] = field(default_factory=list)
    down: list[tuple[float, float]] = field(default_factory=list)
    """Spans in which gateway or engine could not answer everything that is routed."""
    _users: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Traffic flows, and is watched, within this block."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            watch = asyncio.create_task(self._watch())
            hire = asyncio.create_task(self._hire(session))
            try:
                yield
            finally:
                tasks = [watch, hire, *self._users.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._users.clear()

    def excused(self, one: Seen) -> bool:
        """Whether gateway or engine was away at some moment of a request, or shortly before."""
        return any(begin - 1 <= one.ended and one.started <= end + SETTLING for begin, end in self.down)

    async def _hire(self, session: aiohttp.ClientSession) -> None:
        while True:
            table = await asyncio.to_thread(self.house.registry.routes.current)
            for route in table.routes:
                who = route.tenant, route.model
                if who not in self._users and route.tenant in self.keys:
                    self._users[who] = asyncio.create_task(self._user(session, *who))
            await asyncio.sleep(1)

    async def _user(self, session: aiohttp.ClientSession, tenant: str, model: str) -> None:
        await asyncio.sleep(2)  # gateways poll for new tables every second
        number = 0
        while True:
            number += 1
            one = await self._ask(session, tenant, model, number)
            self.seen.append(one)
            await asyncio.sleep(0.3 if one.status == 200 else 1.0)

    async def _ask(self, session: aiohttp.ClientSession, tenant: str, model: str, number: int) -> Seen:
        body = {"model": model, "messages": [{"role": "user", "content": f"Hi {number}"}], "max_tokens": 4}
        headers = {"authorization": f"Bearer {self.keys[tenant]}", "x-assay-session": f"user-{number % 40}"}
        url, started = f"{self.house.settings.gateways[0]}/v1/chat/completions", time.time()
        try:
            async with session.post(url, json=body, headers=headers) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            return Seen(tenant, model, started, time.time(), 0, error=repr(error))
        stamp = response.headers
        return Seen(
            tenant,
            model,
            started,
            time.time(),
            response.status,
            stamp.get("x-assay-arm", ""),
            stamp.get("x-assay-adapter", ""),
            int(stamp.get("x-assay-route-revision", -1)),
            "" if response.status == 200 else text[:200],
        )

    async def _watch(self) -> None:
        """Look twice a second; the table is read before the engine is asked, so that a warm adapter is not missed."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while True:
                begun = time.time()
                if not await self._up(session):
                    self._mark(begun, time.time())
                await asyncio.sleep(0.5)

    def _mark(self, begin: float, end: float) -> None:
        if self.down and begin - self.down[-1][1] < 2:
            begin = self.down.pop()[0]
        self.down.append((begin, end))

    async def _up(self, session: aiohttp.ClientSession) -> bool:
        needed = adapters_needed(await asyncio.to_thread(self.house.registry.routes.current))
        try:
            async with asyncio.timeout(3):
                async with session.get(f"{self.house.settings.gateways[0]}/healthz") as response:
                    if response.status != 200:
                        return False
                async with self.house.open_engine() as engine:
                    return needed <= await engine.loaded()
        except (aiohttp.ClientError, TimeoutError, AssayError):
            return False

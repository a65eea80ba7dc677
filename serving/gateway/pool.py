"""Which engine answers: one that serves the base, preferably holds the adapter, and has least in flight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from serving.gateway.snapshot import Target

logger = logging.getLogger("assay.gateway")
POLL_SECONDS: Final = 2.0
_POLL_TIMEOUT: Final = aiohttp.ClientTimeout(total=2)


@dataclass(slots=True)
class Upstream:
    """One engine as last seen. `revision` None: not asked yet, so not ruled out."""

    url: str
    reachable: bool = True
    revision: str | None = None
    adapters: frozenset[str] = field(default_factory=frozenset)
    in_flight: int = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count one request as in flight."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


class Pool:
    """All engines, looked at every two seconds. What was seen only orders the candidates: it may be out of date."""

    def __init__(self, urls: tuple[str, ...], session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        """`headers` carry the engines' data key: all but health and metrics is closed without it."""
        self.upstreams = tuple(Upstream(url.rstrip("/")) for url in urls)
        self._session, self._headers = session, headers

    def candidates(self, target: Target) -> list[Upstream]:
        """Engines to try, best first; never one that is known to serve another base revision."""
        fitting = [up for up in self.upstreams if up.revision in (None, target.base_revision)]
        return sorted(
            fitting,
            key=lambda up: (not up.reachable, target.adapter not in up.adapters and bool(target.adapter), up.in_flight),
        )

    async def poll(self) -> None:
        """Look at all engines until cancelled."""
        while True:
            await asyncio.gather(*map(self._look, self.upstreams))
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, up: Upstream) -> None:
        try:
            revision = (await self._get(f"{up.url}/model_info"))["weight_version"]
            cards = (await self._get(f"{up.url}/v1/models"))["data"]
        except (aiohttp.ClientError, TimeoutError, LookupError, TypeError, ValueError) as error:
            if up.reachable:
                logger.warning("engine %s does not answer: %s", up.url, type(error).__name__)
            up.reachable = False
            return
        up.revision, up.adapters = revision, frozenset(card["id"] for card in cards if card.get("parent"))
        up.reachable = True

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._session.get(
            url, timeout=_POLL_TIMEOUT, headers=self._headers, raise_for_status=True
        ) as response:
            return dict(await response.json())

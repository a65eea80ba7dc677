"""Which engine answers: one that serves the base, was seen to hold the adapter, and has least in flight.

An engine that does not hold an adapter is never asked for it: SGLang would read the directory of one that it unloaded
again, and nobody would have verified those bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson

from serving.gateway.errors import adapter_not_ready
from serving.gateway.snapshot import Target

logger = logging.getLogger("assay.gateway")
POLL_SECONDS: Final = 2.0
_POLL_TIMEOUT: Final = aiohttp.ClientTimeout(total=4)
"""An engine on two busy cores is slow to say what it holds, and until it is known to, its adapter is refused."""

_MOST_BYTES: Final = 16 << 20
"""Of what an engine says it holds."""


@dataclass(slots=True)
class Upstream:
    """One engine as last seen. `revision` None: it has not answered yet. `look` numbers the look that saw this."""

    url: str
    reachable: bool = True
    revision: str | None = None
    adapters: frozenset[str] = field(default_factory=frozenset)
    in_flight: int = 0
    look: int = 0


class Pool:
    """All engines, looked at every two seconds, and before a table that names an adapter nobody was seen to hold."""

    def __init__(self, urls: tuple[str, ...], session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        """`headers` carry the engines' data key: all but health and metrics is closed without it."""
        self.upstreams = tuple(Upstream(url.rstrip("/")) for url in urls)
        self._session, self._headers, self._looks = session, headers, 0

    def candidates(self, target: Target) -> list[Upstream]:
        """Engines to try, best first: those that said they serve this base revision, which no stream says again.

        For an adapter only those that said they hold it.
        Raises Refusal `adapter_not_ready` when engines of the base answer, and none of them holds it.
        """
        fitting = [up for up in self.upstreams if up.revision == target.base_revision]
        if target.adapter:
            holding = [up for up in fitting if target.adapter in up.adapters]
            if not holding and any(up.reachable for up in fitting):
                raise adapter_not_ready()
            fitting = holding
        return sorted(fitting, key=lambda up: (not up.reachable, up.in_flight))

    async def poll(self) -> None:
        """Look at all engines until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def see(self, adapters: frozenset[str]) -> None:
        """Look again unless each of these adapters was seen on some engine: one may just have been loaded."""
        if not adapters <= frozenset().union(*(up.adapters for up in self.upstreams)):
            await self.look()

    async def look(self) -> None:
        """Look at all engines once."""
        self._looks += 1
        await asyncio.gather(*(self._look(up, self._looks) for up in self.upstreams))

    async def _look(self, up: Upstream, number: int) -> None:
        try:
            info, models = await asyncio.gather(self._get(f"{up.url}/model_info"), self._get(f"{up.url}/v1/models"))
            revision = info["weight_version"]
            adapters = frozenset(card["id"] for card in models["data"] if card.get("parent"))
        except (aiohttp.ClientError, TimeoutError, LookupError, TypeError, ValueError, AttributeError) as error:
            if up.reachable:
                logger.warning("engine %s does not answer: %s", up.url, type(error).__name__)
            up.reachable = False
            return
        if number < up.look:
            return  # two looks crossed: the later one has seen what was loaded in between
        up.look, up.revision, up.adapters, up.reachable = number, revision, adapters, True

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._session.get(
            url, timeout=_POLL_TIMEOUT, headers=self._headers, raise_for_status=True, allow_redirects=False
        ) as response:
            said = bytearray()
            async for part in response.content.iter_any():
                said += part
                if len(said) > _MOST_BYTES:
                    raise ValueError("an answer without end")
            return dict(orjson.loads(said))

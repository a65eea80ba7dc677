"""Keeps engines as the route table wants them: loads what is missing (a restarted engine is empty), unloads later.

The desired state is the table; the observed state is what each engine says it holds. Adapters that no table ever named
are left alone: an evaluation may be using them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from assay.contracts.errors import AssayError
from assay.contracts.rollout import RouteTable
from assay.telemetry import meters
from serving.engines.protocol import Engine
from serving.routes import adapters_needed, carries

logger = logging.getLogger("assay.reconciler")
GRACE_SECONDS: Final = 60.0
"""How long an adapter that left the table stays loaded: requests in flight end on it, and a flip back needs no load."""

Load = Callable[[Engine, str], Awaitable[bool]]
"""Verify and load one adapter by its engine-side name; raises AssayError."""


class Reconciler:
    """One control loop over some engines."""

    def __init__(
        self,
        engines: tuple[Engine, ...],
        table: Callable[[], RouteTable],
        load: Load,
        earlier: Callable[[], frozenset[str]] = frozenset,
        withdrawn: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """`earlier`: adapters that tables before this one named; the loop that saw them leave may have been killed.

        `withdrawn`: digests that no engine may hold under a name of ours, whoever loaded them.
        """
        self._engines, self._table, self._load, self._earlier = engines, table, load, earlier
        self._withdrawn = withdrawn
        self._seen: dict[str, float] | None = None

    async def run(self, interval: float = 2.0) -> None:
        """Reconcile until cancelled; a failure is logged and tried again at the next round."""
        while True:
            try:
                await self.once()
            except AssayError as error:
                logger.warning("%s", error)
            except Exception:
                logger.exception("a round failed; the next one is in %.0f s", interval)
            await asyncio.sleep(interval)

    async def once(self) -> None:
        """One round over all engines. Raises AssayError when the table cannot be read."""
        table = await asyncio.to_thread(self._table)
        meters.ROUTES_REVISION.set(table.revision)
        withdrawn = await asyncio.to_thread(self._withdrawn)
        needed = adapters_needed(table)
        now = time.monotonic()
        if self._seen is None:
            self._seen = dict.fromkeys(await asyncio.to_thread(self._earlier), now)
        self._seen.update(dict.fromkeys(needed, now))
        retired = {name for name, last in self._seen.items() if name not in needed and now - last > GRACE_SECONDS}
        for engine in self._engines:
            try:
                await self._converge(engine, needed, retired, withdrawn)
            except AssayError as error:
                logger.warning("an engine is not as the table wants it: %s", error)
        for name in retired:
            del self._seen[name]

    async def _converge(
        self, engine: Engine, needed: frozenset[str], retired: set[str], withdrawn: frozenset[str]
    ) -> None:
        loaded = await engine.loaded()
        for name in sorted(name for name in loaded if carries(name, withdrawn)):
            await engine.unload(name)
            logger.warning("unloaded %s: it is withdrawn", name)
        for name in sorted(needed - loaded):
            try:
                await self._load(engine, name)
                logger.info("loaded %s", name)
            except AssayError as error:
                meters.ADAPTER_LOAD_FAILURES.add()
                logger.error("not loaded: %s: %s", name, error)
        for name in sorted(retired & loaded):
            await engine.unload(name)
            logger.info("unloaded %s", name)

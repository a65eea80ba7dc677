"""The only way an adapter gets into an engine: materialise, verify, admit, load, probe. Fails closed at each step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.contracts.base import BasePin, Reference
from assay.contracts.errors import EngineRefused, IntegrityRefused
from serving.adapters import AdapterStore, Seen
from serving.admission import admit
from serving.engines.protocol import Engine

audit = logging.getLogger("assay.audit.loads")
"""One line before every load: what was verified, how, and under which name an engine was told to read it."""

Verify = Callable[[Path, str], None]
"""Checks the signature over a directory with this root digest; raises IntegrityRefused."""

Refuse = Callable[[str], None]
"""Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`) for a digest that may not be used any more."""

PROBE = {
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 8,
    "temperature": 0,
}


@dataclass(frozen=True)
class Loader:
    """Loads adapters into engines of one base."""

    store: AdapterStore
    base: BasePin
    base_config: dict[str, Any]
    max_rank: int
    refuse_withdrawn: Refuse

    async def ensure(
        self, engine: Engine, name: str, digest: str, files: Reference, verify: Verify | None = None
    ) -> bool:
        """Make sure the engine holds this adapter; True when it had to be loaded.

        The bytes are hashed, verified and admitted again right before each load, also for a name the engine holds
        already: it re-reads the directory whenever it reloads.

        Raises IntegrityRefused, EngineRefused, NotFound, Unavailable.
        """
        await asyncio.to_thread(self.refuse_withdrawn, digest)
        path, seen = await asyncio.to_thread(self._checked, digest, files, verify)
        await self._check_base(engine)
        fresh = name not in await engine.loaded()
        if fresh:
            audit.info("verified %s by %s to load as %s", digest, "signature" if verify else "digest", name)
            await engine.load(name, path)
        try:
            if fresh:
                await asyncio.to_thread(self.store.refuse_changed, path, seen)
            await asyncio.to_thread(self.refuse_withdrawn, digest)  # an erasure that looked before it was loaded
            await self._probe(engine, name)  # also of a name that is there: who loaded it may have been killed before
        except BaseException as error:  # being cancelled too: nobody else will take it back
            if fresh or isinstance(error, (EngineRefused, IntegrityRefused)):
                await engine.unload(name)
            raise
        return fresh

    def _checked(self, digest: str, files: Reference, verify: Verify | None) -> tuple[Path, Seen]:
        """The directory, and what it looked like before it was hashed for the last time."""
        path = self.store.materialise(digest, files)
        seen = self.store.look(path)
        if verify is not None:
            verify(path, digest)
        else:
            self.store.materialise(digest, files)
        admit(path, self.base_config, self.base, self.max_rank)
        return path, seen

    async def _check_base(self, engine: Engine) -> None:
        served = (await engine.info()).base_revision
        if served != self.base.revision:
            raise IntegrityRefused(
                "BASE_MISMATCH",
                f"the engine serves base revision {served}, the adapter was trained on {self.base.revision}",
                "route it to an engine of its base",
            )

    async def _probe(self, engine: Engine, name: str) -> None:
        """One short greedy answer: a load that succeeded can still answer nothing."""
        answer = await engine.chat(dict(PROBE), name)
        message = answer["choices"][0]["message"]
        if not message.get("content") and not message.get("tool_calls"):
            raise EngineRefused("PROBE_EMPTY", f"{name} answers nothing", "look at the engine's log; it was unloaded")

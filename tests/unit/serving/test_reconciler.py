"""The reconciler brings engines to the table, and leaves alone what it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.base import BasePin
from assay.contracts.errors import IntegrityRefused, Unavailable
from assay.contracts.rollout import RouteChange, RouteTable
from serving import reconciler
from serving.engines.protocol import ChatBody, Engine, EngineInfo
from serving.reconciler import Reconciler
from serving.routes import compile_table

BASE = BasePin(repository="acme/base", revision="1", digest="sha256:" + "0" * 64)
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OLD_NAME, NEW_NAME = "acme.helpdesk.aaaaaaaaaaaa", "acme.helpdesk.bbbbbbbbbbbb"


class MemoryEngine:
    """An engine that only remembers what is loaded."""

    def __init__(self, *names: str) -> None:
        self.names, self.down = set(names), False

    async def health(self) -> bool:
        return not self.down

    async def info(self) -> EngineInfo:
        raise NotImplementedError

    async def loaded(self) -> frozenset[str]:
        if self.down:
            raise Unavailable("ENGINE_UNREACHABLE", "no answer", "start it")
        return frozenset(self.names)

    async def load(self, name: str, path: Path) -> None:
        self.names.add(name)

    async def unload(self, name: str) -> None:
        self.names.discard(name)

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        raise NotImplementedError

    async def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        yield b""

    async def close(self) -> None:
        return None


def table(stable: str, *warm: str, revision: int = 0) -> RouteTable:
    change = RouteChange(
        tenant="acme",
        model="helpdesk",
        base=BASE,
        target=stable,
        stable=stable,
        warm=warm,
        actor="ann",
        reason="r",
        key="k",
    )
    return compile_table(RouteTable(revision=revision), change)


async def load(engine: Engine, name: str) -> bool:
    await engine.load(name, Path())
    return True


async def test_a_restarted_engine_gets_everything_the_table_needs() -> None:
    engine = MemoryEngine()
    await Reconciler((engine,), lambda: table(NEW, OLD), load).once()
    assert engine.names == {OLD_NAME, NEW_NAME}


async def test_an_adapter_that_no_table_named_is_left_alone() -> None:
    engine = MemoryEngine("someone.evaluates.this")
    await Reconciler((engine,), lambda: table(NEW), load).once()
    assert engine.names == {NEW_NAME, "someone.evaluates.this"}


async def test_an_adapter_that_left_the_table_is_unloaded_after_its_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, now = MemoryEngine(), [table(OLD)]
    loop = Reconciler((engine,), lambda: now[0], load)
    await loop.once()
    now[0] = table(NEW)
    await loop.once()
    assert engine.names == {OLD_NAME, NEW_NAME}
    monkeypatch.setattr(reconciler, "GRACE_SECONDS", -1.0)
    await loop.once()
    assert engine.names == {NEW_NAME}


async def test_an_adapter_that_left_the_table_before_this_loop_began_is_unloaded_after_its_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = MemoryEngine(OLD_NAME, "eval.acme.helpdesk.cccccccccccc.0.1")
    loop = Reconciler((engine,), lambda: table(NEW), load, lambda: frozenset({OLD_NAME, NEW_NAME}))
    await loop.once()
    assert OLD_NAME in engine.names
    monkeypatch.setattr(reconciler, "GRACE_SECONDS", -1.0)
    await loop.once()
    assert engine.names == {NEW_NAME, "eval.acme.helpdesk.cccccccccccc.0.1"}


async def test_what_is_withdrawn_is_unloaded_at_once_whoever_loaded_it() -> None:
    engine = MemoryEngine(OLD_NAME, f"eval.{OLD_NAME}.0.1", "someone.evaluates.this")
    await Reconciler((engine,), lambda: table(NEW), load, withdrawn=lambda: frozenset({OLD})).once()
    assert engine.names == {NEW_NAME, "someone.evaluates.this"}


async def test_one_engine_that_is_down_does_not_stop_the_others() -> None:
    broken, healthy = MemoryEngine(), MemoryEngine()
    broken.down = True
    await Reconciler((broken, healthy), lambda: table(NEW), load).once()
    assert healthy.names == {NEW_NAME}


async def test_what_does_not_verify_is_not_loaded() -> None:
    async def refuse(engine: Engine, name: str) -> bool:
        raise IntegrityRefused("SIGNATURE_INVALID", "not ours", "sign it")

    engine = MemoryEngine()
    await Reconciler((engine,), lambda: table(NEW), refuse).once()
    assert engine.names == set()

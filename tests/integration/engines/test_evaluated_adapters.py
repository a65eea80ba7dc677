"""An evaluation borrows its adapter from nobody and leaves nothing behind, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.evaluation.borrowed import asking, borrowed, name_for
from assay.contracts.base import BasePin, Reference
from assay.contracts.errors import Unavailable
from assay.contracts.evaluation import ArmJob
from assay.contracts.names import adapter_name
from assay.contracts.training import Candidate
from serving.engines.protocol import Engine

DIGEST = "sha256:" + "1" * 64
BLOB = Reference(uri="blob:" + "1" * 64, sha256=DIGEST)
ROUTED = adapter_name("acme", "helpdesk", DIGEST)
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "temperature": 0}


def name(attempt: int = 1, activity_id: str = "5", digest: str = DIGEST) -> str:
    job = ArmJob(
        tenant="acme",
        model="helpdesk",
        base=BasePin(repository="test/tiny", revision="tiny-1", digest=DIGEST),
        template=DIGEST,
        suite=BLOB,
        split="select",
        candidate=Candidate(step=1, adapter=digest, files=BLOB, train_loss=1),
    )
    info = replace(ActivityEnvironment.default_info(), attempt=attempt, activity_id=activity_id)
    found = name_for(job, info)
    assert found is not None
    return found


class Loads:
    """Loads the first adapter under any name."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine, self._path = engine, path

    async def __call__(self, name: str) -> None:
        await self._engine.load(name, self._path)


@pytest_asyncio.fixture
async def load(engine: Engine, adapters: tuple[Path, Path]) -> AsyncIterator[Loads]:
    yield Loads(engine, adapters[0])
    for name in await engine.loaded():
        await engine.unload(name)


async def test_an_adapter_that_is_routed_to_stays_and_answers(engine: Engine, load: Loads) -> None:
    await load(ROUTED)
    async with borrowed(engine, name(), load) as mine:
        assert await engine.loaded() == {ROUTED, mine}
        assert (await asking(engine, mine)(ASK))["choices"] is not None
    assert await engine.loaded() == {ROUTED}
    assert await engine.chat(ASK, ROUTED)


async def test_an_attempt_taken_for_dead_ends_without_harm_to_its_retry(engine: Engine, load: Loads) -> None:
    late, retry = borrowed(engine, name(1), load), borrowed(engine, name(2), load)
    async with retry as mine:
        async with late:
            pass  # it loads, answers and unloads after its retry has begun
        assert await engine.loaded() == {mine}
        assert await engine.chat(ASK, mine)


async def test_what_killed_workers_left_is_unloaded_and_nothing_else(engine: Engine, load: Loads) -> None:
    another, beside = name(digest="sha256:" + "2" * 64), name(1, activity_id="3")
    for left in (name(1), beside, another, ROUTED):
        await load(left)
    async with borrowed(engine, name(2), load):
        assert await engine.loaded() == {name(2), beside, another, ROUTED}


async def test_an_adapter_that_fails_after_it_was_loaded_is_not_left(engine: Engine, load: Loads) -> None:
    async def then_fails(name: str) -> None:
        await load(name)
        raise Unavailable("ENGINE_FAILED", "it broke", "try again")

    with pytest.raises(Unavailable):
        async with borrowed(engine, name(), then_fails):
            pass
    assert await engine.loaded() == frozenset()


async def test_an_engine_that_lost_the_adapter_is_worth_another_attempt(engine: Engine, load: Loads) -> None:
    async with borrowed(engine, name(), load) as mine:
        assert mine is not None
        await engine.unload(mine)
        with pytest.raises(Unavailable, match="EVALUATED_ADAPTER_GONE"):
            await asking(engine, mine)(ASK)


async def test_the_base_is_not_borrowed(engine: Engine, load: Loads) -> None:
    async with borrowed(engine, None, load) as mine:
        assert mine is None
    assert await engine.loaded() == frozenset()

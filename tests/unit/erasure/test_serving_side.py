"""What a serving worker does in an erasure, against engines and a gateway behind HTTP: nobody else unloads here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from temporalio.testing import ActivityEnvironment

from activities.erasure.activity import ErasureServing
from activities.erasure.under_way import UnderWay
from activities.serving.activity import ServingActivities
from assay.contracts.errors import Unavailable
from assay.settings import EngineSettings, Settings
from registry import Registry
from serving.adapters import AdapterStore

from .scene import job, sealed, serving

NAME, EVALUATED, OTHER = "acme.helpdesk.000000000000", "eval.acme.helpdesk.000000000000.0.1", "acme.sales.bbbbbbbbbbbb"


@dataclass
class Engine:
    """Holds names of adapters. `stuck`: it says what it holds, and unloads nothing; `slow`: it waits for that event."""

    names: set[str] = field(default_factory=lambda: {NAME, EVALUATED, OTHER})
    stuck: bool = False
    slow: asyncio.Event | None = None

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/unload_lora_adapter", self._unload)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        if self.slow:
            await self.slow.wait()
        return web.json_response({"data": [{"id": name, "parent": "base"} for name in sorted(self.names)]})

    async def _unload(self, request: web.Request) -> web.Response:
        if self.stuck:
            return web.json_response({}, status=503)
        self.names.discard((await request.json())["lora_name"])
        return web.json_response({"success": True})


class Gateway:
    """Takes the newest table; `down`: it does not."""

    def __init__(self, registry: Registry) -> None:
        self.down, self._registry = False, registry

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/admin/refresh", self._refresh)
        return app

    async def _refresh(self, _: web.Request) -> web.Response:
        revision = (await asyncio.to_thread(self._registry.routes.current)).revision
        return web.json_response({"revision": revision}, status=503 if self.down else 200)


@dataclass
class Worker:
    """The activities of one worker, and the loop that it runs beside them when a test has it run."""

    erasing: ErasureServing
    serving: ServingActivities

    async def do(self, name: str) -> Any:
        return await ActivityEnvironment().run(getattr(self.erasing, name), job())


async def _nobody(_: Mapping[str, datetime]) -> tuple[str, ...]:
    return ()


@asynccontextmanager
async def worker(
    settings: Settings, gateway: Gateway, *engines: Engine | None, under_way: UnderWay | None = None
) -> AsyncIterator[Worker]:
    """None is an engine at which nobody answers."""
    async with AsyncExitStack() as running:

        async def url(app: web.Application) -> str:
            return str((await running.enter_async_context(TestServer(app))).make_url("")).rstrip("/")

        urls = [await url(one.application()) if one else "http://127.0.0.1:1" for one in engines]
        of = EngineSettings(urls=tuple(urls))
        to = {"engine": of, "gateway_urls": (await url(gateway.application()),)}
        side = ServingActivities(mine := settings.model_copy(update=to))
        for engine in side.engines:
            running.push_async_callback(engine.close)
        erasing = ErasureServing(mine, side, under_way or _nobody)
        running.callback(lambda: [one._registry.close() for one in (side, erasing)])
        yield Worker(erasing, side)


@pytest.fixture
def adapter(registry: Registry, tmp_path: Path) -> str:
    return serving(registry, sealed(registry, tmp_path))


@pytest.fixture
def gateway(registry: Registry) -> Gateway:
    return Gateway(registry)


@pytest.mark.usefixtures("adapter")
async def test_engines_hold_nothing_of_it_when_the_activity_returns(settings: Settings, gateway: Gateway) -> None:
    first, second = Engine(), Engine({NAME})
    async with worker(settings, gateway, first, second) as one:
        withdrawn = await one.do("withdraw_rows")
        assert (first.names, second.names) == ({OTHER}, set())
        assert (withdrawn.unloaded, withdrawn.gateways, withdrawn.revision) == (3, 1, 2)
        again = await one.do("withdraw_rows")
        assert (again.unloaded, again.revision) == (0, 2)


@pytest.mark.usefixtures("adapter")
async def test_an_engine_that_is_down_keeps_none_of_the_others(settings: Settings, gateway: Gateway) -> None:
    up = Engine()
    async with worker(settings, gateway, None, up) as one:
        withdrawn = await one.do("withdraw_rows")
    assert up.names == {OTHER}
    assert (withdrawn.unloaded, withdrawn.gateways) == (2, 1)


@pytest.mark.usefixtures("adapter")
async def test_an_engine_that_keeps_what_it_holds_keeps_none_of_the_others_and_is_told_again(
    settings: Settings, gateway: Gateway
) -> None:
    stuck, up = Engine(stuck=True), Engine()
    async with worker(settings, gateway, stuck, up) as one:
        with pytest.raises(Unavailable, match="ENGINE_FAILED"):
            await one.do("withdraw_rows")
        assert up.names == {OTHER}
        stuck.stuck = False
        assert (await one.do("withdraw_rows")).unloaded == 2
    assert stuck.names == {OTHER}


@pytest.mark.usefixtures("adapter")
async def test_an_engine_that_takes_its_time_holds_up_none_of_the_others(settings: Settings, gateway: Gateway) -> None:
    slow, up = Engine(slow=asyncio.Event()), Engine()
    async with worker(settings, gateway, slow, up) as one:
        doing = asyncio.create_task(one.do("withdraw_rows"))
        async with asyncio.timeout(60):
            while up.names != {OTHER}:  # noqa: ASYNC110  # a stand-in without an event
                await asyncio.sleep(0.01)
        assert not doing.done()
        assert slow.slow is not None
        slow.slow.set()
        assert (await doing).unloaded == 4
    assert slow.names == {OTHER}


@pytest.mark.usefixtures("adapter")
async def test_engines_do_not_wait_for_a_gateway_that_is_down(settings: Settings, gateway: Gateway) -> None:
    gateway.down, engine = True, Engine()
    async with worker(settings, gateway, engine) as one:
        with pytest.raises(Unavailable, match="GATEWAY_UNREACHABLE"):
            await one.do("withdraw_rows")
        assert engine.names == {OTHER}


async def test_the_second_search_names_engine_route_and_disk_and_then_nothing(
    registry: Registry, settings: Settings, tmp_path: Path, gateway: Gateway
) -> None:
    dataset = sealed(registry, tmp_path)
    digest, engine = serving(registry, dataset), Engine({NAME, OTHER})
    on_disk = AdapterStore(tmp_path, registry.blobs).path(digest)
    on_disk.mkdir(parents=True)
    (on_disk / "adapter_model.safetensors").write_bytes(b"weights")
    on_disk.chmod(0o555)
    async with worker(settings, gateway, engine) as one:
        assert (await one.do("search_serving")).found == ()  # nothing of it is withdrawn yet
        registry.withdrawals.withdraw(job().case, [dataset.id])
        assert (await one.do("search_serving")).found == (
            f"engine 0: {NAME}",
            f"route to {digest}",
            f"adapter on disk: {digest}",
        )
        await one.do("withdraw_rows")
        assert (await one.do("search_serving")).found == (f"adapter on disk: {digest}",)
        await one.serving.reconciler().once()
        assert (await one.do("search_serving")).found == ()
    assert not on_disk.exists()


@pytest.mark.usefixtures("adapter")
async def test_an_engine_that_does_not_answer_may_still_hold_it(settings: Settings, gateway: Gateway) -> None:
    async with worker(settings, gateway, Engine({OTHER}), None) as one:
        await one.do("withdraw_rows")
        found = (await one.do("search_serving")).found
    assert found == ("engine 1: does not answer",)


async def test_the_loop_beside_unloads_what_somebody_loads_by_hand(
    settings: Settings, gateway: Gateway, adapter: str, registry: Registry
) -> None:
    engine = Engine(set())
    async with worker(settings, gateway, engine) as one:
        await one.do("withdraw_rows")
        engine.names |= {NAME, OTHER}
        await one.serving.reconciler().once()
    assert engine.names == {OTHER}
    assert [item.name for item in registry.withdrawals.by_kind("adapter")] == [adapter]


async def test_whoever_began_to_work_on_it_before_it_was_withdrawn_is_asked_for(
    registry: Registry, settings: Settings, tmp_path: Path, gateway: Gateway
) -> None:
    """Killed between storing something and looking whether it may stay, it would leave that behind the search."""
    asked = list[Mapping[str, datetime]]()

    async def under_way(workflows: Mapping[str, datetime]) -> tuple[str, ...]:
        asked.append(workflows)
        return tuple(f"{one}: train" for one in workflows if one.startswith("training/"))

    serving(registry, sealed(registry, tmp_path))
    before = datetime.now(UTC)
    async with worker(settings, gateway, Engine(), under_way=under_way) as one:
        assert (await one.do("search_serving")).found == ()  # nothing of it is withdrawn yet
        withdrawn = await one.do("withdraw_rows")
        found = (await one.do("search_serving")).found
    assert asked[0] == {}
    assert {*asked[1]} == {*withdrawn.workflows}
    assert all(before < at < datetime.now(UTC) for at in asked[1].values())
    assert found == tuple(f"under way: {one}: train" for one in sorted(asked[1]) if one.startswith("training/"))
    assert found

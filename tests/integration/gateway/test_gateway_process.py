"""`python -m serving.gateway`, two processes on one port, in front of a real registry."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from assay.contracts.errors import Unavailable
from assay.contracts.rollout import RouteTable
from assay.settings import Ports, Settings
from registry import Registry
from serving.gateway.server import listen
from stack.ports import free_ports

ADMIN = {"authorization": "Bearer admin-secret"}


@dataclass
class Collector:
    """An OpenTelemetry collector that keeps what it gets."""

    url: str = ""
    received: list[bytes] = field(default_factory=list)

    async def traces(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append(gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body)
        return web.Response()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    stub, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", stub.traces)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    stub.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield stub
    await runner.cleanup()


@pytest.mark.timeout(240)
async def test_two_processes_are_one_gateway(
    engine: Any, collector: Collector, make_route: Any, tmp_path: Path, eventually: Any
) -> None:
    settings = Settings(home=tmp_path, ports=Ports(gateway=free_ports(1)[0]))
    registry = Registry.open(settings)
    key = registry.keys.create("acme")
    publish(registry, RouteTable(revision=1, routes=(make_route(),)))
    (tmp_path / "keys").mkdir(exist_ok=True)
    (tmp_path / "keys" / "engine.key").write_text("engine-secret\n")
    environment = os.environ | {
        "ASSAY_HOME": str(tmp_path),
        "ASSAY_PORTS__GATEWAY": str(settings.ports.gateway),
        "ASSAY_ENGINE__URLS": json.dumps([engine.url]),
        "ASSAY_GATEWAY_PROCESSES": "2",
        "ASSAY_ADMIN_KEY": "admin-secret",
        "ASSAY_OTLP_ENDPOINT": collector.url,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "serving.gateway", env=environment)
    url, peers = settings.gateways[0], tmp_path / "gateway" / str(settings.ports.gateway) / "peers"
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

            async def both_answer() -> bool:
                try:
                    async with session.get(f"{url}/healthz") as health:
                        return health.status == 200 and len(list(peers.iterdir())) == 2
                except (aiohttp.ClientError, FileNotFoundError):
                    return False

            await eventually(both_answer, 150)  # imports, on a busy machine
            await flip_and_count(session, url, key, registry, make_route)
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 40) == 0
        registry.close()
    assert not list(peers.iterdir())
    spans = b"".join(collector.received)
    assert spans.count(b"gen_ai.operation.name") == 24
    assert b"rev-1" in spans
    assert b"sha256:" + b"f" * 64 in spans
    assert b"hello" not in spans


async def flip_and_count(
    session: aiohttp.ClientSession, url: str, key: str, registry: Registry, make_route: Any
) -> None:
    """Every connection is new, so the kernel spreads them over both processes; neither may lag behind the flip."""
    for revision, letter in ((2, "e"), (3, "f")):
        publish(registry, RouteTable(revision=revision, routes=(make_route(stable=letter),)))
        async with session.post(f"{url}/admin/refresh", headers=ADMIN) as refreshed:
            assert await refreshed.json() == {"revision": revision}
        answered = [await adapter_of(session, url, key) for _ in range(12)]
        assert set(answered) == {"sha256:" + letter * 64}
    query = {"tenant": "acme", "model": "helpdesk", "since_revision": "2"}
    for _ in range(4):
        async with session.get(f"{url}/admin/observations", params=query, headers=ADMIN) as seen:
            assert (await seen.json())["arms"][0]["requests"] == 24
    async with session.get(f"{url}/metrics") as metrics:
        text = await metrics.text()
    assert (
        sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("assay_gateway_answers_total"))
        == 24
    )


async def adapter_of(session: aiohttp.ClientSession, url: str, key: str) -> str:
    body = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}
    async with session.post(
        f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    ) as response:
        assert response.status == 200, await response.text()
        return response.headers["x-assay-adapter"]


def publish(registry: Registry, table: RouteTable) -> None:
    registry.routes.publish(table, key=f"k{table.revision}", actor="test", reason="test", decision_id="d")


@pytest.mark.timeout(240)
async def test_processes_of_a_killed_gateway_end_and_leave_the_port_to_the_next(
    engine: Any, tmp_path: Path, eventually: Any
) -> None:
    settings = Settings(home=tmp_path, ports=Ports(gateway=free_ports(1)[0]))
    publish(registry := Registry.open(settings), RouteTable(revision=1))
    registry.close()
    environment = os.environ | {
        "ASSAY_HOME": str(tmp_path),
        "ASSAY_PORTS__GATEWAY": str(settings.ports.gateway),
        "ASSAY_ENGINE__URLS": json.dumps([engine.url]),
        "ASSAY_GATEWAY_PROCESSES": "2",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "serving.gateway", env=environment)
    children: list[psutil.Process] = []

    async def both_serve() -> bool:
        children[:] = psutil.Process(process.pid).children(recursive=True)
        listening = [one for one in children if one.net_connections(kind="tcp")]
        return len(listening) == 2

    async def port_is_free() -> bool:
        try:
            listen(settings.ports.gateway).close()
        except Unavailable:
            return False
        return True

    try:
        await eventually(both_serve, 150)
    finally:
        process.kill()
        await process.wait()
    await eventually(port_is_free, 30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_a_port_is_shared_by_siblings_only() -> None:
    with listen(0) as alone:
        port = alone.getsockname()[1]
        for shared in (False, True):
            with pytest.raises(Unavailable, match="PORT_TAKEN"):
                listen(port, shared=shared)
    with listen(port, shared=True), listen(port, shared=True) as sibling:
        assert sibling.getsockname()[1] == port

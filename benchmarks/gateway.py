"""What the gateway adds, measured against an engine that answers at once.

    python benchmarks/gateway.py [--seconds 3] [--connections 1 32]

Engine and gateway are one process each, the client is this one; closed loop, connections kept open. Prints the median
and the 99th percentile directly and through the gateway, side by side, and the gateway's own processor time for one
request, which says most on a machine that is busy with other things.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import click
import orjson
import psutil
import uvicorn
import uvloop

from assay.contracts.base import BasePin
from assay.contracts.rollout import Arm, Route, RouteTable
from registry import hash_key
from serving.gateway.app import Gateway, GatewayConfig
from serving.gateway.server import listen

KEY: Final = "ak_benchmark"
_DIGEST: Final = "sha256:" + "a" * 64
_REQUEST: Final = orjson.dumps({"model": "helpdesk", "messages": [{"role": "user", "content": "Where is my order?"}]})
_ANSWER: Final = orjson.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "base:acme.helpdesk.a",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        "metadata": {"weight_version": "rev-1"},
    }
)
_MODELS: Final = orjson.dumps({"data": [{"id": "acme.helpdesk.a", "parent": "base"}]})
_INFO: Final = orjson.dumps({"weight_version": "rev-1"})


class FixedSource:
    """A control plane with one route."""

    def current(self) -> RouteTable:
        """One tenant, one model, one arm."""
        base = BasePin(repository="org/base", revision="rev-1", digest=_DIGEST)
        stable = Arm(name="stable", version=_DIGEST, adapter="acme.helpdesk.a", percent=100)
        return RouteTable(revision=1, routes=(Route(tenant="acme", model="helpdesk", base=base, arms=(stable,)),))

    def hashes(self) -> Mapping[str, str]:
        """One key."""
        return {hash_key(KEY): "acme"}


async def _engine(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
    """Answers at once, every chat with the same completion."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    answer = {"/v1/models": _MODELS, "/model_info": _INFO}.get(scope["path"], _ANSWER)
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


def _serve_engine(port: int) -> None:
    config = uvicorn.Config(_engine, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None)
    uvicorn.Server(config).run(sockets=[listen(port)])


def _serve_gateway(port: int, engine: int, state: Path) -> None:
    app = Gateway(FixedSource(), GatewayConfig(engines=(f"http://127.0.0.1:{engine}",), state_file=state))
    config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listen(port)])


class Result(NamedTuple):
    """Milliseconds and requests a second."""

    p50: float
    p99: float
    rate: float


async def _load(url: str, connections: int, seconds: float) -> Result:
    took: list[float] = []
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    async def client(session: aiohttp.ClientSession, until: float) -> None:
        while (began := time.perf_counter()) < until:
            async with session.post(url, data=_REQUEST, headers=headers) as response:
                await response.read()
                response.raise_for_status()
            took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await client(session, time.perf_counter() + 0.3)
        took.clear()
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(session, until) for _ in range(connections)))
    took.sort()
    return Result(took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000, len(took) / seconds)


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _measure(engine: str, gateway: str, pid: int, connections: tuple[int, ...], seconds: float) -> None:
    await _ready(f"{engine}/health")
    await _ready(f"{gateway}/healthz")
    click.echo("connections   direct p50 / p99 ms, req/s   gateway p50 / p99 ms, req/s   p50 ratio   gateway CPU ms")
    for count in connections:
        direct = await _load(f"{engine}/v1/chat/completions", count, seconds)
        before = sum(psutil.Process(pid).cpu_times()[:2])
        through = await _load(f"{gateway}/v1/chat/completions", count, seconds)
        processor = (sum(psutil.Process(pid).cpu_times()[:2]) - before) / (through.rate * seconds) * 1000
        click.echo(
            f"{count:11}   {direct.p50:7.2f} / {direct.p99:7.2f}, {direct.rate:5.0f}"
            f"   {through.p50:8.2f} / {through.p99:8.2f}, {through.rate:5.0f}"
            f"   {through.p50 / direct.p50:9.1f}   {processor:14.2f}"
        )


def _free_port() -> int:
    with listen(0) as found:
        return int(found.getsockname()[1])


@click.command()
@click.option("--seconds", default=3.0, show_default=True, help="per measurement")
@click.option("--connections", default=(1, 32), multiple=True, show_default=True)
def main(seconds: float, connections: tuple[int, ...]) -> None:
    """Measure the latency that the gateway adds."""
    engine, gateway = _free_port(), _free_port()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as state:
        processes = [
            context.Process(target=_serve_engine, args=(engine,)),
            context.Process(target=_serve_gateway, args=(gateway, engine, Path(state) / "routes.json")),
        ]
        for process in processes:
            process.start()
        try:
            urls = f"http://127.0.0.1:{engine}", f"http://127.0.0.1:{gateway}"
            uvloop.run(_measure(*urls, processes[1].pid or 0, connections, seconds))
        finally:
            for process in processes:
                process.terminate()
                process.join()


if __name__ == "__main__":
    main()

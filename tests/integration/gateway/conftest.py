"""A stub engine that speaks SGLang's HTTP, and a gateway process-in-loop in front of it. Both on free ports."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from pydantic import SecretStr

from assay.contracts.base import BasePin
from assay.contracts.rollout import Arm, Route, RouteTable, Shadow
from registry import hash_key
from serving.gateway.app import Gateway, GatewayConfig
from serving.gateway.joining import JoiningProtocol

BASE = BasePin(repository="org/base", revision="rev-1", digest="sha256:" + "b" * 64)
ENGINE_KEY, ADMIN_KEY = "engine-secret", "admin-secret"
KEYS = {"acme": "ak_acme", "globex": "ak_globex"}


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


@dataclass
class StubEngine:
    """Answers `hello from <model>`; `scripts` answer instead, by upstream model. Holds every adapter of these tests."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    adapters: set[str] = field(
        default_factory=lambda: {
            f"{whose}.{letter}" for whose in ("acme.helpdesk", "globex.sales") for letter in "0123456789abcdef"
        }
    )
    scripts: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=dict)
    delay: float = 0.0
    weight_version: str = BASE.revision
    url: str = ""
    aborted: int = 0
    looks_away: bool = False
    look_gate: asyncio.Event | None = None
    look_begun: asyncio.Event = field(default_factory=asyncio.Event)
    stop: Callable[[], Awaitable[None]] | None = None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.arrivals.append((asyncio.get_running_loop().time(), body["model"]))
        if request.headers.get("authorization") != f"Bearer {ENGINE_KEY}":
            return self._guarded(request, {})
        if script := self.scripts.get(body["model"]):
            return await script(request)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        if body.get("stream"):
            return await self.stream(request, body)
        message = {"role": "assistant", "content": f"hello from {body['model']}", "tool_calls": None}
        return web.json_response(completion(body, message, weight_version=self.weight_version))

    async def stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number in range(10):
            delta = {"role": "assistant", "content": f"{number} "}
            payload = f"data: {json.dumps(chunk(body, delta))}\n\n".encode()
            # Cut in the middle, so that chunks of the body never are whole events.
            for part in (payload[:17], payload[17:]):
                await response.write(part)
                await asyncio.sleep(0)
        last = {**chunk(body, {}), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {**chunk(body, {}), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 10}}
        await response.write(f"data: {json.dumps(last)}\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        return response

    async def models(self, request: web.Request) -> web.Response:
        if self.looks_away:
            return web.Response(status=503)
        cards = [{"id": "base", "parent": None}, *({"id": name, "parent": "base"} for name in self.adapters)]
        if gate := self.look_gate:
            self.look_begun.set()
            await gate.wait()
        return self._guarded(request, {"data": cards})

    async def info(self, request: web.Request) -> web.Response:
        return self._guarded(request, {"weight_version": self.weight_version})

    def _guarded(self, request: web.Request, answer: Mapping[str, Any]) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {ENGINE_KEY}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return web.json_response(answer)


def completion(body: Mapping[str, Any], message: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "1f2e",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": more.get("finish", "stop"), "matched_stop": 2}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        "metadata": {"weight_version": more.get("weight_version", BASE.revision)},
        "sglext": {"cached": 1},
    }


def chunk(body: Mapping[str, Any], delta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "1f2e",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


def route(
    tenant: str = "acme", model: str = "helpdesk", *, canary: float = 0, shadow: float = 0, stable: str | None = "a"
) -> Route:
    """Stable `a`, canary `c`, shadow `d`; adapters are named after them."""

    def arm(name: Any, letter: str | None, percent: float) -> Arm:
        version = digest(letter) if letter else None
        return Arm(name=name, version=version, adapter=letter and f"{tenant}.{model}.{letter}", percent=percent)

    arms = (arm("canary", "c", canary),) if canary else ()
    shade = Shadow(version=digest("d"), adapter=f"{tenant}.{model}.d", percent=shadow) if shadow else None
    return Route(tenant=tenant, model=model, base=BASE, arms=(*arms, arm("stable", stable, 100 - canary)), shadow=shade)


@pytest.fixture(name="make_route")
def make_route_fixture() -> Callable[..., Route]:
    return route


@dataclass
class StubSource:
    """A control plane that can be edited, and be gone."""

    table: RouteTable
    keys: dict[str, str]
    gone: bool = False

    def current(self) -> RouteTable:
        if self.gone:
            raise ConnectionError("database is down")
        return self.table

    def hashes(self) -> dict[str, str]:
        return self.keys

    def publish(self, *routes: Route, denied: tuple[str, ...] = ()) -> None:
        self.table = RouteTable(revision=self.table.revision + 1, routes=routes, denied=denied)


@dataclass
class Running:
    """A gateway that answers at `url`."""

    url: str
    source: StubSource
    session: aiohttp.ClientSession
    app: Gateway

    async def chat(self, key: str = KEYS["acme"], headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        body = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]} | fields
        return await self.post("/v1/chat/completions", json.dumps(body).encode(), key, headers or {})

    async def post(self, path: str, data: bytes, key: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        sent = {"authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}
        async with self.session.post(self.url + path, data=data, headers=sent) as response:
            return Answer(response.status, _lower(response.headers), await response.read())

    async def get(self, path: str, key: str = "") -> Answer:
        async with self.session.get(self.url + path, headers={"authorization": f"Bearer {key}"}) as response:
            return Answer(response.status, _lower(response.headers), await response.read())

    async def refresh(self) -> int:
        return int((await self.post("/admin/refresh", b"", ADMIN_KEY)).json["revision"])

    async def observed(
        self, since: int = 0, tenant: str = "acme", model: str = "helpdesk"
    ) -> dict[str, dict[str, Any]]:
        query = f"?tenant={tenant}&model={model}&since_revision={since}"
        answer = await self.get("/admin/observations" + query, ADMIN_KEY)
        return {arm["arm"]: arm for arm in answer.json["arms"]}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def text(self) -> str:
        return str(self.json["choices"][0]["message"]["content"])


@pytest.fixture
async def engine() -> AsyncIterator[StubEngine]:
    async with running_engine() as stub:
        yield stub


@asynccontextmanager
async def running_engine() -> AsyncIterator[StubEngine]:
    stub = StubEngine()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", stub.chat)
    app.router.add_get("/v1/models", stub.models)
    app.router.add_get("/model_info", stub.info)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    stub.url, stub.stop = f"http://127.0.0.1:{listener.getsockname()[1]}", runner.cleanup
    try:
        yield stub
    finally:
        await runner.cleanup()


@pytest.fixture
def source() -> StubSource:
    keys = {hash_key(key): tenant for tenant, key in KEYS.items()}
    return StubSource(RouteTable(revision=1, routes=(route(), route("globex", "sales"))), keys)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 3) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # what is waited for is in another process, or as good as
            await asyncio.sleep(0.01)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(name="serve")
def serve_fixture() -> Callable[..., Any]:
    return serve


@pytest.fixture(name="running_engine")
def running_engine_fixture() -> Callable[..., Any]:
    return running_engine


@pytest.fixture
async def gateway(engine: StubEngine, source: StubSource, tmp_path: Path) -> AsyncIterator[Running]:
    async with serve(source, (engine.url,), tmp_path / "routes.json") as running:
        yield running


@asynccontextmanager
async def serve(source: StubSource, engines: tuple[str, ...], state_file: Path, **more: Any) -> AsyncIterator[Running]:
    config = GatewayConfig(
        engines=engines,
        engine_key=SecretStr(ENGINE_KEY),
        admin_key=SecretStr(ADMIN_KEY),
        state_file=state_file,
        **more,
    )
    app = Gateway(source, config)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(app, http=JoiningProtocol, ws="none", lifespan="on", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with aiohttp.ClientSession() as session:
        running = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", source, session, app)
        while not server.started:  # noqa: ASYNC110  # uvicorn has a flag, no event
            await asyncio.sleep(0.01)
        try:
            yield running
        finally:
            server.should_exit = True
            await serving

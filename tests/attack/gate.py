"""A gateway as it is served, an engine that answers what an attack wants, and bytes sent as an attacker sends them."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from assay.contracts.base import BasePin
from assay.contracts.rollout import Arm, Route, RouteTable
from registry import hash_key
from serving.gateway.app import Gateway, GatewayConfig
from serving.gateway.protocol import BoundedProtocol
from serving.gateway.server import http_config

BASE = BasePin(repository="org/base", revision="rev-1", digest="sha256:" + "b" * 64)
ENGINE_KEY, ADMIN_KEY = "engine-secret", "admin-secret"
ACME, GLOBEX = "ak_acme", "ak_globex"
FOREIGN_DIGEST = "sha256:" + "9" * 64
OWN_DIGEST = "sha256:" + "a" * 64
OWN, FOREIGN = "acme.helpdesk.aaaaaaaaaaaa", "globex.sales.999999999999"
Script = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]


def route(tenant: str, model: str, digest: str, adapter: str) -> Route:
    arm = Arm(name="stable", version=digest, adapter=adapter, percent=100)
    return Route(tenant=tenant, model=model, base=BASE, arms=(arm,))


@dataclass
class Source:
    """The control plane: two tenants with one model each."""

    table: RouteTable = field(
        default_factory=lambda: RouteTable(
            revision=1,
            routes=(
                route("acme", "helpdesk", OWN_DIGEST, OWN),
                route("globex", "sales", FOREIGN_DIGEST, FOREIGN),
            ),
        )
    )

    def current(self) -> RouteTable:
        return self.table

    def hashes(self) -> Mapping[str, str]:
        return {hash_key(ACME): "acme", hash_key(GLOBEX): "globex"}


@dataclass
class Engine:
    """HTTP by hand, so that it can be broken everywhere. `bodies` is what reached it."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    script: Script | None = None
    """Answers chats."""
    look: Script | None = None
    """Answers the gateway's looks."""
    url: str = ""
    hung_up: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(length[0]) if length else b""
                await self._answer(head.split(" ")[1], body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up += 1
        finally:
            self.open.discard(writer)
            writer.close()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if self.look and path in ("/model_info", "/v1/models"):
            await self.look({"path": path}, writer)
        elif path == "/model_info":
            await reply(writer, {"weight_version": BASE.revision})
        elif path == "/v1/models":
            await reply(writer, {"data": [{"id": name, "parent": "base"} for name in (OWN, FOREIGN)]})
        else:
            asked = json.loads(body)
            self.bodies.append(asked)
            await (self.script or answer)(asked, writer)


async def reply(
    writer: asyncio.StreamWriter, document: object, status: int = 200, kind: str = "application/json"
) -> None:
    await reply_bytes(writer, json.dumps(document).encode(), status, kind)


async def reply_bytes(
    writer: asyncio.StreamWriter, body: bytes, status: int = 200, kind: str = "application/json"
) -> None:
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def answer(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    message = {"role": "assistant", "content": f"from {asked['model']}"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    await reply(writer, {"id": "1", "object": "chat.completion", "created": 1, "choices": [choice]})


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


@dataclass
class Gate:
    """A gateway that answers on `port`."""

    port: int
    engine: Engine
    app: Gateway
    source: Source

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def raw(self, data: bytes, patience: float = 20) -> bytes:
        """Send exactly this, and read until the gateway closes."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            async with asyncio.timeout(patience):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def send(self, method: str, path: str, body: bytes = b"", key: str = "", headers: bytes = b"") -> Reply:
        """One request on a connection of its own; `path` is sent as it is."""
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        authorised = f"authorization: Bearer {key}\r\n" if key else ""
        return parsed(await self.raw((head + authorised).encode("latin-1") + headers + b"\r\n" + body))

    async def chat(self, key: str = ACME, headers: bytes = b"", **fields: Any) -> Reply:
        asked = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]} | fields
        return await self.send("POST", "/v1/chat/completions", json.dumps(asked).encode(), key, headers)

    async def works(self) -> bool:
        """Whether an honest request is still answered as it should be."""
        self.engine.script = None
        reply = await self.chat()
        return reply.status == 200 and f"base:{OWN}".encode() in reply.body


def parsed(answered: bytes) -> Reply:
    head, _, body = answered.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = unchunked(body)
    return Reply(int(status.split(" ")[1]) if status else 0, headers, body)


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


@asynccontextmanager
async def running(folder: Path, **bounds: Any) -> AsyncIterator[Gate]:
    """A gateway and its engine. `bounds` are those of the connection, or of GatewayConfig."""
    engine, source = Engine(), Source()
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0)
    engine.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ours = {name: value for name, value in bounds.items() if hasattr(BoundedProtocol, name)}
    protocol = type("Protocol", (BoundedProtocol,), ours)
    config = GatewayConfig(
        engines=(engine.url,),
        engine_key=SecretStr(ENGINE_KEY),
        admin_key=SecretStr(ADMIN_KEY),
        state_file=folder / "routes.json",
        **{name: value for name, value in bounds.items() if name not in ours},
    )
    app = Gateway(source, config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    gateway = uvicorn.Server(http_config(app, protocol))
    serving = asyncio.create_task(gateway.serve(sockets=[listener]))
    while not gateway.started:  # noqa: ASYNC110  # uvicorn has a flag, no event
        await asyncio.sleep(0.01)
    try:
        yield Gate(listener.getsockname()[1], engine, app, source)
    finally:
        gateway.should_exit, gateway.config.timeout_graceful_shutdown = True, 1
        await serving
        server.close()
        for writer in tuple(engine.open):
            writer.close()


async def eventually(condition: Callable[[], bool], patience: float = 20) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  # what is waited for is on the other side of a socket
            await asyncio.sleep(0.02)


class Kept(logging.Handler):
    """Everything that was logged, with whatever came beside the message, whoever would have written it how."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.getMessage()} {vars(record)} {trace}")

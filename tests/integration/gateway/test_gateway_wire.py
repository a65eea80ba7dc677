"""Kept connections to an engine, against a server that says exactly what a test wants on the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from serving.gateway import wire
from serving.gateway.wire import Broken, Silent, Unanswered, Wire

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


def say(data: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


def say_and_close(data: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return script


@dataclass
class Server:
    """Plays one script a request; counts connections and requests."""

    script: Script = field(default_factory=lambda: say(WHOLE))
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                await self.script(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.set()
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    stub = Server()
    listener = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/prefix/"
    async with listener:
        yield stub


@pytest.fixture
async def line(server: Server) -> AsyncIterator[Wire]:
    opened = Wire(server.url, (("authorization", "Bearer k"),))
    yield opened
    opened.close()


async def body(line: Wire, payload: bytes = b"{}") -> bytes:
    answer = await line.post("/v1/x", payload, b"traceparent: t\r\n")
    try:
        return await answer.read()
    finally:
        answer.release()


async def test_a_connection_is_used_again(line: Wire, server: Server) -> None:
    assert [await body(line) for _ in range(5)] == [b"hello"] * 5
    assert server.connections == 1
    host = server.url.split("/")[2].encode()
    assert server.requests[0].startswith(
        b"POST /prefix/v1/x HTTP/1.1\r\nhost: " + host + b"\r\nauthorization: Bearer k\r\n"
    )
    assert server.requests[0].endswith(b"traceparent: t\r\n\r\n{}")


async def test_requests_at_once_have_a_connection_each(line: Wire, server: Server) -> None:
    await asyncio.gather(*(body(line) for _ in range(4)))
    await asyncio.gather(*(body(line) for _ in range(4)))
    assert server.connections == 4


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        WHOLE + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        WHOLE + b"HTTP/1.1 200 OK\r\ncontent-le",
        WHOLE + b"rubbish",
    ],
)
async def test_a_connection_that_may_not_last_is_not_used_again(line: Wire, server: Server, said: bytes) -> None:
    server.script = say(said)
    for number in (1, 2):
        try:
            assert await body(line) == b"hello"
        except Broken:
            assert said.endswith(b"rubbish")
        await asyncio.sleep(0.01)
        assert server.connections == number


async def test_what_nobody_asked_for_ends_the_connection(line: Wire, server: Server) -> None:
    async def twice(writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE)
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    server.script = twice
    assert await body(line) == b"hello"
    await server.gone.wait()
    assert await body(line) == b"hello"
    assert server.connections == 2


async def test_an_interim_answer_is_passed_over(line: Wire, server: Server) -> None:
    server.script = say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + WHOLE)
    assert await body(line) == b"hello"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", Unanswered),
        (b"HTTP/1.1 200 O", Unanswered),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", Broken),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", Broken),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", Broken),
        (b"SSH-2.0-OpenSSH\r\n", Broken),
    ],
)
async def test_an_answer_that_ends_early_is_never_taken_for_whole(
    line: Wire, server: Server, said: bytes, error: type[Exception]
) -> None:
    server.script = say_and_close(said)
    with pytest.raises(error):
        await body(line)


async def test_nobody_there_is_unanswered(server: Server) -> None:
    with pytest.raises(Unanswered):
        await Wire("http://127.0.0.1:9", ()).post("/", b"")


async def test_an_engine_that_falls_silent_is_not_waited_for(
    line: Wire, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SILENCE_SECONDS", 0.05)
    server.script = say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
    with pytest.raises(Silent):
        await body(line)
    await server.gone.wait()


async def test_an_answer_that_is_not_read_to_its_end_frees_the_engine(line: Wire, server: Server) -> None:
    server.script = say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
    answer = await line.post("/", b"")
    answer.release()
    assert await asyncio.wait_for(server.gone.wait(), 5)


async def test_an_unused_connection_is_closed(line: Wire, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "KEEP_SECONDS", 0.02)
    assert await body(line) == b"hello"
    assert await asyncio.wait_for(server.gone.wait(), 5)


async def test_a_slow_reader_makes_the_engine_wait(line: Wire, server: Server) -> None:
    size, sent = 64 << 20, 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(1 << 20))
            sent += 1 << 20
            await writer.drain()

    server.script = flood
    answer = await line.post("/", b"")
    chunks = answer.chunks()
    got = len(await anext(chunks))
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < size
    async for chunk in chunks:
        got += len(chunk)
    assert got == size
    answer.release()

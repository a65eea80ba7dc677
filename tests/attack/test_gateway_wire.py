"""Somebody without patience for HTTP: bodies too large, too slow or two at once, connections by the thousand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .gate import ACME, Gate, eventually, parsed, running

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + ACME.encode() + b"\r\n"
GOOD = json.dumps({"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}).encode()
REFRESH = b"POST /admin/refresh HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with running(tmp_path_factory.mktemp("gate"), max_body=1 << 16) as started:
        yield started


def body_of(messages: Any = None, **fields: Any) -> bytes:
    asked = {"model": "helpdesk", "messages": messages or [{"role": "user", "content": "hi"}]} | fields
    return json.dumps(asked).encode()


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello",
    "NUL": b"\0",
    "list": b"[]",
    "string": b'"model"',
    "null": b"null",
    "cut": GOOD[:-1],
    "two documents": GOOD + GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": GOOD.replace(b"hi", b"h\xe9"),
    "half a surrogate pair": GOOD.replace(b"hi", b"\\ud800"),
    "deep lists": b"[" * 30000,
    "deep inside": GOOD[:-1] + b', "metadata": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "deep tool": body_of(tools=[{"type": "function", "function": {"name": "x", "parameters": nested(300)}}]),
    "deep schema": body_of(
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": nested(300)}}
    ),
    "deep call": body_of(
        [{"role": "assistant", "tool_calls": [{"id": nested(300), "function": {"name": "x", "arguments": {}}}]}]
    ),
    "NaN": GOOD[:-1] + b', "temperature": NaN}',
    "Infinity": GOOD[:-1] + b', "temperature": Infinity}',
    "1e999": GOOD[:-1] + b', "temperature": 1e999}',
    "a number of 4000 digits": GOOD[:-1] + b', "seed": ' + b"9" * 4000 + b"}",
    "a seed beyond 64 bits": GOOD[:-1] + b', "seed": 18446744073709551616}',
    "tokens beyond all": body_of(max_tokens=1 << 40),
    "minus": body_of(max_tokens=-1),
    "true as a number": body_of(max_tokens=True),
    "n": body_of(n=9),
    "role is a list": body_of([{"role": [], "content": "x"}]),
    "role is an object": body_of([{"role": {}, "content": "x"}]),
    "role is unknown": body_of([{"role": "root", "content": "x"}]),
    "message is text": body_of(["x"]),
    "message of unknown field": body_of([{"role": "user", "content": "x", "lora_path": "x"}]),
    "no messages": b'{"model": "helpdesk", "messages": []}',
    "content is a number": body_of([{"role": "user", "content": 1}]),
    "content is an image": body_of(
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]
    ),
    "content is a file": body_of([{"role": "user", "content": [{"type": "text", "text": "x", "file": "/etc/passwd"}]}]),
    "name is an object": body_of([{"role": "user", "content": "x", "name": {}}]),
    "calls are text": body_of([{"role": "assistant", "content": "x", "tool_calls": "x"}]),
    "calls are empty": body_of([{"role": "assistant", "content": "x", "tool_calls": [{}]}]),
    "call without arguments": body_of([{"role": "assistant", "tool_calls": [{"function": {"name": "x"}}]}]),
    "call id is a list": body_of([{"role": "tool", "content": "x", "tool_call_id": []}]),
    "tool name is long": body_of(tools=[{"type": "function", "function": {"name": "x" * 65}}]),
    "tool name has a new line": body_of(tools=[{"type": "function", "function": {"name": "x\n"}}]),
    "129 tools": body_of(tools=[{"type": "function", "function": {"name": "x"}}] * 129),
    "tool choice is a list": body_of(tool_choice=["auto"]),
    "choice is an object": body_of(tool_choice={"type": "function", "function": {"name": {}}}),
    "structural tag": body_of(response_format={"type": "structural_tag", "structures": [], "triggers": []}),
    "format is a list": body_of(response_format=[]),
    "format type is a list": body_of(response_format={"type": []}),
    "stop is empty": body_of(stop=""),
    "stop is many": body_of(stop=["x"] * 5),
    "bias of a digit that is none": body_of(logit_bias={"\u00b2": 1}),
    "bias of a long number": body_of(logit_bias={"9" * 30: 1}),
    "bias is a list": body_of(logit_bias=[1]),
    "stream is text": body_of(stream="yes"),
    "stream options": body_of(stream_options={"include_usage": True, "continuous_usage_stats": True}),
    "model is a list": body_of(model=["helpdesk"]),
    "model is an object": body_of(model={"helpdesk": 1}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_no_body_breaks_the_gateway_or_reaches_the_engine(gate: Gate, body: bytes) -> None:
    reached = len(gate.engine.bodies)
    reply = await gate.send("POST", "/v1/chat/completions", body, ACME)
    assert reply.status == 400
    assert reply.code in ("invalid_json", "invalid_value", "unsupported_parameter")
    assert len(gate.engine.bodies) == reached
    assert not any(word in reply.body for word in (b"Traceback", b"File ", b"orjson", b"python", b"passwd"))


async def test_a_body_that_says_it_is_large_is_not_read(gate: Gate) -> None:
    answered = parsed(await gate.raw(CHAT + b"content-length: 99999999999999999999\r\n\r\n"))
    assert answered.status in (400, 413)
    answered = parsed(await gate.raw(CHAT + b"connection: close\r\ncontent-length: 9999999999\r\n\r\n{"))
    assert (answered.status, answered.code) == (413, "request_too_large")


async def test_a_chunked_body_is_counted_and_then_cut_off(gate: Gate) -> None:
    """After its 413 an attacker goes on sending; the connection is closed instead of being read for ever."""
    reader, writer = await gate.connect()
    writer.write(CHAT + b"transfer-encoding: chunked\r\n\r\n")
    sent, chunk = 0, b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    with suppress(ConnectionError):
        async with asyncio.timeout(30):
            while sent < 64 << 20:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
    assert sent < 64 << 20
    head = b""
    with suppress(ConnectionError):
        head = await reader.read(1000)
    assert not head or b" 413 " in head
    writer.close()
    assert await gate.works()


SMUGGLED = {
    "length and chunked": CHAT + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + REFRESH,
    "chunked and length": CHAT + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n" + REFRESH,
    "two lengths": CHAT + b"content-length: 0\r\ncontent-length: 50\r\n\r\n" + REFRESH,
    "two lengths in one": CHAT + b"content-length: 0, 50\r\n\r\n" + REFRESH,
    "length with a sign": CHAT + b"content-length: +2\r\n\r\n{}",
    "length in hex": CHAT + b"content-length: 0x2\r\n\r\n{}",
    "negative length": CHAT + b"content-length: -1\r\n\r\n" + REFRESH,
    "space before the colon": CHAT + b"content-length : 2\r\n\r\n{}",
    "obfuscated chunked": CHAT + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + REFRESH,
    "chunked twice": CHAT + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + REFRESH,
    "chunk size that overflows": CHAT + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "chunk size with rubbish": CHAT + b"transfer-encoding: chunked\r\n\r\n2;\r\r\n{}\r\n0\r\n\r\n",
    "bare LF in the head": CHAT.replace(b"\r\n", b"\n") + b"x: y\n\n",
    "bare CR in a header": CHAT + b"x-a: b\rset-cookie: c\r\ncontent-length: 0\r\n\r\n",
    "NUL in a header": CHAT + b"x-a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "NUL in a name": CHAT + b"x\0a: b\r\ncontent-length: 0\r\n\r\n",
    "line folding": CHAT + b"content-length: 2\r\n transfer-encoding: chunked\r\n\r\n{}",
    "HTTP/0.9": b"GET /v1/models\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "rubbish": bytes(range(256)) * 4,
    "method with a space": b"GE T / HTTP/1.1\r\nhost: x\r\n\r\n",
    "new line in the path": b"GET /v1/mo\ndels HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_what_two_parsers_could_read_differently_is_one_refusal(gate: Gate, data: bytes) -> None:
    """One answer at most, then the connection ends: no second request hides in the first."""
    answered = await gate.raw(data)
    assert answered.count(b"HTTP/1.1 ") <= 1
    assert b"HTTP/1.1 200" not in answered
    assert b"set-cookie" not in answered.lower()
    assert await gate.works()


async def test_an_upgrade_is_not_taken(gate: Gate) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: "
    for protocol in (b"websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==", b"h2c"):
        assert b" 101 " not in await gate.raw(head + protocol + b"\r\n\r\n")
    assert await gate.works()


async def test_a_head_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path, head_seconds=0.3) as gate:
        for begun in (b"", b"P", CHAT, CHAT + b"x-a: "):
            assert await gate.raw(begun) == b""
        reader, writer = await gate.connect()
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(20):
                for byte in CHAT * 100:  # one byte at a time, for ever
                    writer.write(bytes([byte]))
                    await writer.drain()
                    sent += 1
                    await asyncio.sleep(0.02)
        assert sent < len(CHAT)
        writer.close()
        # A second request on a connection has its own time, from its first byte on.
        reader, writer = await gate.connect()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 200 " in await reader.read(2000)
        writer.write(b"GET /hea")
        assert await reader.read() == b""
        writer.close()
        assert await gate.works()


REFUSED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("asked", "then"),
    [(REFUSED, b""), (REFUSED, b"{"), (HEALTH, b"\r\n"), (HEALTH, b"\r")],
    ids=["no body", "a body that goes on", "an empty line", "half an empty line"],
)
async def test_nobody_keeps_a_connection_after_an_answer_by_saying_a_little_more(
    tmp_path: Path, asked: bytes, then: bytes
) -> None:
    async with running(tmp_path, head_seconds=0.5, late_seconds=0.5) as gate:
        reader, writer = await gate.connect()
        writer.write(asked)
        assert b"HTTP/1.1 " in await reader.read(2000)
        writer.write(then)
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                await reader.read()
        writer.close()
        assert await gate.works()


async def test_a_body_that_drips_in_after_its_refusal_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path, late_seconds=0.5) as gate:
        _, writer = await gate.connect()
        writer.write(REFUSED)
        sent = 0
        with suppress(ConnectionError):
            while sent < 100:
                writer.write(b" ")
                await writer.drain()
                sent += 1
                await asyncio.sleep(0.05)
        assert sent < 100
        writer.close()
        assert await gate.works()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * (10 << 20),
        b"GET / HTTP/1.1\r\nx-a: " + b"a" * (10 << 20),
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (1 << 20),
    ],
    ids=["path of 10 MB", "header of 10 MB", "a million headers"],
)
async def test_a_head_without_measure_is_refused(gate: Gate, head: bytes) -> None:
    answered = await gate.raw(head)
    assert not answered or answered.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert await gate.works()


async def test_a_slow_body_holds_a_place_of_its_own_tenant_only_and_not_for_long(tmp_path: Path) -> None:
    async with running(tmp_path, body_seconds=0.5, max_in_flight_per_tenant=5) as gate:
        slow = [asyncio.create_task(gate.raw(CHAT + b"content-length: 100\r\n\r\n{")) for _ in range(20)]
        from .gate import GLOBEX

        other = await gate.chat(key=GLOBEX, model="sales")
        assert other.status == 200
        answered = [parsed(each) for each in await asyncio.gather(*slow)]
        assert {reply.status for reply in answered} == {408, 429}
        assert sum(reply.status == 408 for reply in answered) == 5
        assert await gate.works()


async def test_a_client_that_does_not_read_gives_its_place_back(tmp_path: Path) -> None:
    """A stream that nobody reads would hold its place, and the engine's, for as long as the attacker likes."""
    async with running(tmp_path, unread_seconds=0.5, max_in_flight_per_tenant=1) as gate:

        async def much(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            chunk = {"choices": [{"index": 0, "delta": {"content": "x" * 20000}, "finish_reason": None}]}
            while True:
                writer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                await writer.drain()

        gate.engine.script = much
        _, writer = await gate.connect()
        asked = body_of(stream=True)
        writer.write(CHAT + f"content-length: {len(asked)}\r\n\r\n".encode() + asked)
        await writer.drain()
        await eventually(lambda: gate.engine.hung_up > 0)
        assert await gate.works()
        writer.close()


async def test_thousands_of_idle_connections_leave_room_for_an_honest_one(tmp_path: Path) -> None:
    async with running(tmp_path, most_connections=300, head_seconds=60.0) as gate:
        crowd = [await gate.connect() for _ in range(290)]
        assert await gate.works()
        late = [await gate.connect() for _ in range(2000)]
        closed = await asyncio.gather(*(reader.read() for reader, _ in late[20:]), return_exceptions=True)
        assert len(closed) == 1980
        for _, writer in (*crowd, *late):
            writer.close()
        await eventually(lambda: gate.app.engine.pool.upstreams[0].in_flight == 0)

        async def again() -> bool:
            try:
                return await gate.works()
            except (ConnectionError, IndexError, ValueError):
                return False

        async with asyncio.timeout(20):
            while not await again():  # noqa: ASYNC110  # until the gateway has seen that they are gone
                await asyncio.sleep(0.05)


async def without_end(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    chunk = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}
    while True:
        writer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def test_a_client_that_hangs_up_with_requests_in_line_leaves_nothing_behind(gate: Gate) -> None:
    """The answer that is being given ends, not only the request that came last."""
    gate.engine.script = without_end
    before = gate.engine.hung_up
    reader, writer = await gate.connect()
    asked = body_of(stream=True)
    writer.write((CHAT + f"content-length: {len(asked)}\r\n\r\n".encode() + asked) * 2)
    await reader.readexactly(1000)
    writer.transport.abort()
    await eventually(lambda: gate.engine.hung_up == before + 1)
    await eventually(lambda: gate.app.engine.pool.upstreams[0].in_flight == 0)
    assert await gate.works()


async def test_clients_that_hang_up_in_the_middle_leave_nothing_behind(gate: Gate) -> None:
    gate.engine.script = without_end
    before = gate.engine.hung_up

    async def hang_up(after: int) -> None:
        reader, writer = await gate.connect()
        asked = body_of(stream=True)
        writer.write(CHAT + f"content-length: {len(asked)}\r\n\r\n".encode() + asked)
        await reader.readexactly(after)
        writer.transport.abort()

    await asyncio.gather(*(hang_up(after) for after in (1, 100, 500, 700) * 10))
    await eventually(lambda: gate.engine.hung_up - before == 40)
    await eventually(lambda: gate.app.engine.pool.upstreams[0].in_flight == 0)
    assert await gate.works()


async def test_no_header_of_ours_is_written_by_a_client(gate: Gate) -> None:
    """What is echoed is one safe word; everything else that comes in goes nowhere."""
    for value in (b"a\r\n\tset-cookie: b", b"a\tb", b'"', b"%0d%0aset-cookie: b", b"\xc3\xa9", b"a" * 129, b"a b"):
        reply = await gate.chat(headers=b"x-request-id: " + value + b"\r\n")
        assert "set-cookie" not in reply.headers
        assert reply.status == 400 or len(reply.headers["x-request-id"]) == 32
    assert (await gate.chat(headers=b"x-request-id: mine-1\r\n")).headers["x-request-id"] == "mine-1"


async def test_pipelined_requests_are_answered_in_order_and_each_by_its_own_key(gate: Gate) -> None:
    one = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ak_acme\r\n\r\n"
    two = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ak_globex\r\n\r\n"
    none = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answered = await gate.raw(one + two + none)
    order = [answered.index(word) for word in (b"helpdesk", b"sales", b"invalid_api_key")]
    assert order == sorted(order)
    assert answered.count(b"HTTP/1.1 200") == 2


async def test_requests_in_line_without_measure_are_cut_off(gate: Gate) -> None:
    """Each waits in memory for the one before it; no key is needed for that."""
    started: list[object] = []
    handled = gate.app._handlers["/healthz"]["GET"]

    async def counted(request: Any) -> None:
        started.append(request)
        await handled(request)

    gate.app._handlers = {**gate.app._handlers, "/healthz": {"GET": counted}}
    answered = await gate.raw(HEALTH * 5000)
    assert answered.count(b"HTTP/1.1 ") <= 20
    assert len(started) <= 20
    assert await gate.works()

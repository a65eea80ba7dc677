"""An engine that has lost its way, or that somebody took over: what it says harms no gateway and leaks to no tenant."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from .gate import BASE, FOREIGN, GLOBEX, OWN_DIGEST, Gate, Kept, Script, reply, reply_bytes, running

SECRETS = (FOREIGN, "globex", "/srv/engine", "Traceback", "my-prompt@example.com", "engine-secret")
LEAK = f"adapters {FOREIGN} at /srv/engine/a; key engine-secret; prompt my-prompt@example.com; Traceback (most recent"


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with running(tmp_path_factory.mktemp("gate")) as started:
        yield started


@pytest.fixture
def kept() -> Iterator[Kept]:
    """All that is logged meanwhile, debug lines too."""
    handler, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def sends(data: bytes, *, close: bool = True) -> Script:
    async def script(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return script


def says(text: bytes, status: int = 200, kind: str = "application/json") -> Script:
    async def script(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        await reply_bytes(writer, text, status, kind)

    return script


def answers(**changes: Any) -> Script:
    async def script(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        await reply(writer, {"id": "1", "choices": [choice], **changes})

    return script


async def without_end(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    while True:
        writer.write(b"[" * (1 << 20))
        await writer.drain()


REFUSALS = ("engine_failed", "engine_unavailable", "base_mismatch", "request_refused", "adapter_not_ready")
BROKEN: dict[str, Script] = {
    "no HTTP": sends(b"hello\r\n\r\n"),
    "status that is none": sends(b"HTTP/1.1 abc OK\r\n\r\n"),
    "head without end": sends(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 100_000),
    "head beyond all measure": sends(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * (2 << 20), close=False),
    "interim answers without end": sends(b"HTTP/1.1 103 X\r\n\r\n" * 100_000, close=False),
    "two lengths": sends(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}"),
    "shorter than it says": sends(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"),
    "broken chunks": sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    "gzip that is none": sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"),
    "redirect": sends(b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", close=False),
    "nothing": sends(b""),
    "answer without end": without_end,
    "no JSON": says(b"hello"),
    "list": says(b"[]"),
    "empty object": says(b"{}"),
    "choices are text": answers(choices="x"),
    "choice is text": answers(choices=["x"]),
    "message is text": answers(choices=[{"index": 0, "message": "x"}]),
    "content is a list": answers(choices=[{"index": 0, "message": {"content": [1]}}]),
    "calls are text": answers(choices=[{"index": 0, "message": {"tool_calls": "xy"}}]),
    "call index is a list": answers(choices=[{"index": 0, "message": {"tool_calls": [{"index": []}]}}]),
    "choice index is a list": answers(choices=[{"index": [], "message": {"content": "x"}}]),
    "finish reason is a list": answers(choices=[{"index": 0, "message": {"content": 1}, "finish_reason": []}]),
    "usage is text": answers(usage="many"),
    "usage is a list": answers(usage=[1]),
    "usage is negative": answers(usage={"prompt_tokens": -5, "completion_tokens": 1}),
    "usage is no number": answers(usage={"prompt_tokens": "9", "completion_tokens": 1}),
    "metadata is text": answers(metadata="x"),
    "another base": answers(metadata={"weight_version": "rev-2"}),
    "error with a charset that is none": says(LEAK.encode(), 400, "text/plain; charset=nonsense"),
    "error in binary": says(b"\xff\xfe\0" * 100, 500),
    "error of 10 MB": says(b"x" * (10 << 20), 400),
    "error that is deep": says(b'{"error":' * 5000, 400),
    "error that lists adapters": says(json.dumps({"error": {"message": LEAK}}).encode(), 400),
    "error of a list": says(json.dumps([LEAK]).encode(), 422),
    "error in the middle": says(json.dumps({"error": {"message": {"x": LEAK}}}).encode(), 500),
    "error 451": says(LEAK.encode(), 451),
    "status 204": sends(b"HTTP/1.1 204 OK\r\n\r\n", close=False),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_engine_is_a_clean_refusal(gate: Gate, kept: Kept, script: Script, stream: bool) -> None:
    gate.engine.script = script
    answered = await gate.chat(stream=stream, messages=[{"role": "user", "content": "my-prompt@example.com"}])
    assert answered.status in (400, 502, 503)
    assert answered.code in REFUSALS
    assert answered.headers["x-assay-adapter"] == OWN_DIGEST
    said = answered.body.decode() + "".join(f"{name}: {value}" for name, value in answered.headers.items())
    assert [secret for secret in SECRETS if secret in said] == []
    ours = [line for line in kept.lines if line.startswith("assay")]
    assert [line for line in ours for secret in SECRETS if secret in line] == []
    assert not any("failed in the gateway" in line for line in ours), ours
    assert await gate.works()


def event(**changes: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    return b"data: " + json.dumps({"id": "1", "choices": [choice], **changes}).encode() + b"\n\n"


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def streams(*parts: bytes, forever: bytes = b"") -> Script:
    async def script(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + event() + b"".join(parts))
        while forever:
            writer.write(forever)
            await writer.drain()
        await writer.drain()
        writer.close()

    return script


TORN: dict[str, Script] = {
    "cut": streams(),
    "cut in an event": streams(b'data: {"choices": [{"ind'),
    "no JSON": streams(b"data: hello\n\n"),
    "list": streams(b"data: []\n\n"),
    "choices are missing": streams(b"data: {}\n\n"),
    "delta is text": streams(event(choices=[{"index": 0, "delta": "x"}])),
    "content is a number": streams(event(choices=[{"index": 0, "delta": {"content": 1}}])),
    "call name is a list": streams(
        event(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": [1]}}]}}])
    ),
    "call index is an object": streams(event(choices=[{"index": 0, "delta": {"tool_calls": [{"index": {}}]}}])),
    "usage is text": streams(event(choices=[], usage="x")),
    "deep": streams(b"data: " + b"[" * 100_000 + b"\n\n"),
    "error": streams(b"data: " + json.dumps({"error": {"message": LEAK}}).encode() + b"\n\n"),
    "an event without end": streams(forever=b"x" * (1 << 20)),
    "events without end": streams(forever=event(choices=[{"index": 0, "delta": {"content": "x" * (1 << 20)}}])),
}


@pytest.mark.parametrize("script", TORN.values(), ids=TORN.keys())
async def test_a_torn_stream_ends_and_does_not_look_complete(gate: Gate, kept: Kept, script: Script) -> None:
    gate.engine.script = script
    answered = await gate.chat(stream=True)
    assert answered.status == 200
    assert b"[DONE]" not in answered.body
    last = json.loads(answered.body.rstrip().rpartition(b"data: ")[2])
    assert last["error"]["code"] == "engine_failed"
    assert [secret for secret in SECRETS if secret.encode() in answered.body] == []
    assert not any("failed in the gateway" in line for line in kept.lines)
    assert await gate.works()


async def test_lines_of_its_own_are_not_passed_on(gate: Gate) -> None:
    """Comments, event names and ids are the engine's; a client gets data only, and of it what OpenAI's API has."""
    extra = b"event: admin\nid: 7\nretry: 1\n\n: comment " + FOREIGN.encode() + b"\n\n"
    more = event(sglext={"adapter": FOREIGN}, metadata={"x": FOREIGN}, model=FOREIGN, system_fingerprint=FOREIGN)
    gate.engine.script = streams(extra, more, b"data: [DONE]\n\n")
    answered = await gate.chat(stream=True)
    assert answered.body.endswith(b"data: [DONE]\n\n")
    assert FOREIGN.encode() not in answered.body
    assert b"event:" not in answered.body


async def test_headers_of_its_own_are_not_passed_on(gate: Gate) -> None:
    body = json.dumps({"id": "1", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]})
    head = "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nx-adapter: {}\r\nserver: sglang\r\nx-assay-adapter: {}\r\n"
    gate.engine.script = sends(
        (head.format(FOREIGN, FOREIGN) + f"content-length: {len(body)}\r\n\r\n{body}").encode(), close=False
    )
    answered = await gate.chat()
    assert answered.status == 200
    assert answered.headers["x-assay-adapter"] == OWN_DIGEST
    assert not {"set-cookie", "server", "x-adapter"} & answered.headers.keys()


def cards(data: Any) -> Script:
    async def script(asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        await reply(writer, {"weight_version": BASE.revision} if asked["path"] == "/model_info" else {"data": data})

    return script


LOOKS: dict[str, Script] = {
    "cards are text": cards("xy"),
    "cards are numbers": cards([1]),
    "card is called a list": cards([{"id": [], "parent": "base"}]),
    "cards are a number": cards(7),
    "no cards": cards(None),
    "deep": says(b'{"data":' * 100_000),
    "list": says(b"[]"),
    "no JSON": says(b"hello"),
    "no HTTP": sends(b"hello\r\n\r\n"),
    "redirect": sends(b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\n{}", close=False),
    "without end": without_end,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
async def test_an_engine_that_cannot_say_what_it_holds_is_looked_at_again(gate: Gate, kept: Kept, look: Script) -> None:
    """Whatever it says, the look ends and the next one comes: it is how the gateway learns that all is well again."""
    pool = gate.app.engine.pool
    gate.engine.look = look
    try:
        await pool.look()
    finally:
        gate.engine.look = None
    assert not pool.upstreams[0].reachable
    await pool.look()
    assert pool.upstreams[0].reachable
    assert not any(task.done() for task in gate.app._tasks)
    assert await gate.works()


async def test_one_tenants_broken_answers_are_not_counted_against_another(tmp_path: Path) -> None:
    async with running(tmp_path) as gate:
        gate.engine.script = says(b"x", 500)
        for _ in range(5):
            await gate.chat()
        seen = await gate.send("GET", "/admin/observations?tenant=globex&model=sales", key="admin-secret")
        assert json.loads(seen.body)["arms"] == []
        gate.engine.script = None
        assert (await gate.chat(key=GLOBEX, model="sales")).status == 200

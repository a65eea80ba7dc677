"""The SGLang client against a small HTTP server that misbehaves on demand."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from assay.contracts.errors import AssayError, EngineRefused, InputRefused, IntegrityRefused, NotFound, Unavailable
from serving.engines.sentences import ADAPTER_ABSENT, TOO_LONG
from serving.engines.sglang import SGLangEngine

Start = Callable[[web.Application], Awaitable[SGLangEngine]]
SECRET = "bolt.search.222222222222"
ASK = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[TestServer] = []
    clients: list[SGLangEngine] = []

    async def begin(app: web.Application) -> SGLangEngine:
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        clients.append(SGLangEngine(str(server.make_url("")), "data", "admin", answer_timeout=5))
        return clients[-1]

    yield begin
    for client in clients:
        await client.close()
    for server in servers:
        await server.close()


def answering(status: int, body: Any, path: str = "/v1/chat/completions", method: str = "POST") -> web.Application:
    """An application with one route that always answers the same, beside an empty list of models."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "base", "parent": None}]})

    app = web.Application()
    app.router.add_route(method, path, answer)
    if path != "/v1/models":
        app.router.add_get("/v1/models", models)
    return app


def test_the_sentences_are_those_of_the_installed_sglang() -> None:
    found = importlib.util.find_spec("sglang")
    assert found is not None
    assert found.origin is not None
    srt = Path(found.origin).parent / "srt"
    files = ("managers/tokenizer_manager.py", "managers/utils.py", "lora/lora_registry.py")
    source = "".join((srt / name).read_text("utf-8") for name in files)
    assert [sentence for sentence in (*ADAPTER_ABSENT, *TOO_LONG) if f'f"{sentence}' not in source] == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"error": "Unauthorized"}, EngineRefused, "ENGINE_KEY_REFUSED"),
        (500, {"error": {"message": f"boom {SECRET}"}}, Unavailable, "ENGINE_FAILED"),
        (400, {"message": "The input (9 tokens) is longer than the model's context length (8 tokens)."}, InputRefused,
         "ENGINE_PROMPT_TOO_LONG"),
        (400, {"error": {"message": f"{ADAPTER_ABSENT[1]}x\nLoaded adapters: {SECRET}"}}, NotFound,
         "ENGINE_ADAPTER_UNKNOWN"),
        (400, {"message": "Tool coLORAdo_hotels is not loaded in this context length"}, InputRefused,
         "ENGINE_REQUEST_REFUSED"),
        (400, {"message": f"bad tool {SECRET}"}, InputRefused, "ENGINE_REQUEST_REFUSED"),
        (422, ["no object"], InputRefused, "ENGINE_REQUEST_REFUSED"),
    ],
)  # fmt: skip
async def test_errors_are_typed_and_say_nothing_of_others(
    start: Start, status: int, body: Any, kind: type[AssayError], code: str
) -> None:
    engine = await start(answering(status, body))
    with pytest.raises(kind) as refusal:
        await engine.chat(ASK, None)
    assert refusal.value.code == code
    assert SECRET not in str(refusal.value)
    with pytest.raises(kind):
        await anext(engine.stream(ASK, None))


async def test_what_the_engine_repeats_of_a_prompt_is_not_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await start(answering(400, {"object": "error", "message": f"cannot read {SECRET}", "code": 400}))
    with caplog.at_level("DEBUG"), pytest.raises(InputRefused):
        await engine.chat(ASK, None)
    assert "engine answered 400" in caplog.text
    assert SECRET not in caplog.text


async def test_nobody_there_is_unavailable(unused_tcp_port_url: str) -> None:
    async with SGLangEngine(unused_tcp_port_url, "data", "admin") as engine:
        assert not await engine.health()
        with pytest.raises(Unavailable, match="ENGINE_UNREACHABLE"):
            await engine.loaded()


@pytest.fixture
def unused_tcp_port_url() -> str:
    # Port 9 (discard) on loopback: nothing of ours listens there.
    return "http://127.0.0.1:9"


async def test_the_request_names_base_and_adapter_and_carries_the_data_key(start: Start) -> None:
    seen: list[tuple[dict[str, Any], str]] = []

    async def chat(request: web.Request) -> web.Response:
        seen.append((await request.json(), request.headers["Authorization"]))
        return web.json_response({"choices": []})

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "base", "parent": None}, {"id": "a.b.1", "parent": "base"}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", models)
    engine = await start(app)
    await engine.chat(ASK | {"model": "other", "lora_path": "x", "stream": True}, "a.b.1")
    assert seen == [(ASK | {"model": "base:a.b.1", "stream": False}, "Bearer data")]


async def test_a_refused_load_says_nothing_of_others_and_carries_the_admin_key(start: Start) -> None:
    keys: list[str] = []

    async def load(request: web.Request) -> web.Response:
        keys.append(request.headers["Authorization"])
        return web.json_response({"success": False, "error_message": f"too many: {SECRET}"}, status=400)

    app = answering(200, {})
    app.router.add_post("/load_lora_adapter", load)
    engine = await start(app)
    with pytest.raises(EngineRefused, match="ENGINE_ADAPTER_REFUSED") as refusal:
        await engine.load("a.b.1", Path("/adapters/1"))
    assert SECRET not in str(refusal.value)
    assert keys == ["Bearer admin"]


async def test_a_stream_is_cut_at_events_wherever_the_chunks_end(start: Start) -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in (b"da", b'ta: {"a": 1}\n', b'\ndata: {"b": 2}\n\ndata: [DO', b"NE]\n\n"):
            await response.write(chunk)
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    engine = await start(app)
    events = [event async for event in engine.stream(ASK, None)]
    assert events == [b'data: {"a": 1}\n\n', b'data: {"b": 2}\n\n', b"data: [DONE]\n\n"]


async def test_an_error_in_a_stream_is_scrubbed_and_a_broken_one_says_so(start: Start) -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(f'data: {{"error": {{"message": "{SECRET}"}}}}\n\n'.encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    engine = await start(app)
    events = [event async for event in engine.stream(ASK, None)]
    assert len(events) == 2
    assert all(b"ENGINE_FAILED" in event and SECRET.encode() not in event for event in events)


async def test_a_server_that_hides_its_template_is_refused(start: Start) -> None:
    app = answering(200, {"weight_version": "r1"}, "/model_info", "GET")

    async def server_info(_request: web.Request) -> web.Response:
        return web.json_response({"chat_template": None})

    app.router.add_get("/server_info", server_info)
    engine = await start(app)
    with pytest.raises(IntegrityRefused, match="ENGINE_OTHER_TEMPLATE"):
        await engine.info()

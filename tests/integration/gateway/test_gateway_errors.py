"""What goes wrong upstream reaches the client in our words, with a status it can act on."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI

MODEL = "base:acme.helpdesk.a"
LEAK = "The following requested LoRA adapters are not loaded: globex.sales.a, initech.tps.b"


def says(status: int, message: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"object": "error", "message": message, "code": status}, status=status)

    return answer


@pytest.mark.parametrize(
    ("status", "message", "expected", "code"),
    [
        (400, LEAK, 503, "adapter_not_ready"),
        (
            400,
            "The input (9999 tokens) is longer than the model's context length (2048 tokens).",
            400,
            "context_length_exceeded",
        ),
        (400, "Failed to parse grammar at /srv/engine/path", 400, "request_refused"),
        (400, "Tool 'coLORAdo_hotels' is unknown; the adapter's context length is fine", 400, "request_refused"),
        (401, "Unauthorized", 503, "engine_unavailable"),
        (500, "Traceback (most recent call last): globex.sales.a", 502, "engine_failed"),
        (503, "Server is shutting down", 503, "engine_unavailable"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_scrubbed(
    gateway: Any, engine: Any, status: int, message: str, expected: int, code: str, stream: bool
) -> None:
    engine.scripts[MODEL] = says(status, message)
    answer = await gateway.chat(stream=stream)
    assert (answer.status, answer.code) == (expected, code)
    assert all(word not in answer.body for word in (b"globex", b"initech", b"/srv", b"Traceback", b"LoRA"))
    assert answer.headers["x-assay-adapter"] == "sha256:" + "a" * 64
    assert ("retry-after" in answer.headers) == (expected == 503)
    assert answer.json["error"]["remedy"]


async def test_only_faults_of_the_arm_are_counted(gateway: Any, engine: Any) -> None:
    for status, message in ((400, "context length"), (400, "bad grammar"), (500, "x"), (400, LEAK)):
        engine.scripts[MODEL] = says(status, message)
        await gateway.chat()
    seen = (await gateway.observed())["stable"]
    assert (seen["requests"], seen["bad"]) == (2, 2)
    assert seen["bad_by_reason"] == [{"code": "ERROR", "count": 2}]


async def test_openais_client_raises_its_own_classes(gateway: Any, engine: Any) -> None:
    async with AsyncOpenAI(api_key="ak_acme", base_url=f"{gateway.url}/v1", max_retries=0) as client:

        async def ask(model: str = "helpdesk", **more: Any) -> Any:
            return await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "hi"}], **more
            )

        with pytest.raises(openai.NotFoundError) as missing:
            await ask("sales")
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError):
            await ask(extra_body={"lora_path": "globex.sales.a"})
        engine.scripts[MODEL] = says(500, "x")
        with pytest.raises(openai.InternalServerError):
            await ask()
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="ak_nobody").models.list()


async def _broken_stream(request: web.Request, last: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    event |= {"choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": None}]}
    await response.write(f"data: {json.dumps(event)}\n\n".encode())
    await response.write(last)
    return response


@pytest.mark.parametrize("last", [b"", b'data: {"error": {"message": "' + LEAK.encode() + b'"}}\n\n', b"data: {\n\n"])
async def test_a_stream_that_breaks_says_so_and_does_not_look_complete(gateway: Any, engine: Any, last: bytes) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        return await _broken_stream(request, last)

    engine.scripts[MODEL] = broken
    answer = await gateway.chat(stream=True)
    events = [event for event in answer.body.split(b"\n\n") if event]
    assert b"half" in events[0]
    assert json.loads(events[1].removeprefix(b"data: "))["error"]["code"] == "engine_failed"
    assert b"[DONE]" not in answer.body
    assert b"globex" not in answer.body
    assert (await gateway.observed())["stable"]["bad_by_reason"] == [{"code": "ERROR", "count": 1}]


async def test_an_error_before_the_first_event_is_a_plain_http_error(gateway: Any, engine: Any) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"error": {"message": "' + LEAK.encode() + b'"}}\n\n')
        return response

    engine.scripts[MODEL] = broken
    answer = await gateway.chat(stream=True)
    assert (answer.status, answer.code) == (502, "engine_failed")


@pytest.mark.parametrize("text", ["not json", "[]", '{"choices": 7}', '{"choices": [{}]}'])
async def test_an_answer_of_another_shape_is_a_failed_engine(gateway: Any, engine: Any, text: str) -> None:
    async def odd(request: web.Request) -> web.Response:
        return web.Response(text=text)

    engine.scripts[MODEL] = odd
    answer = await gateway.chat()
    assert (answer.status, answer.code) == (502, "engine_failed")


async def test_an_engine_that_serves_another_base_is_refused(gateway: Any, engine: Any) -> None:
    engine.weight_version = "rev-2"
    answer = await gateway.chat()
    assert answer.code in ("base_mismatch", "engine_unavailable")
    assert b"hello" not in answer.body


async def test_what_an_engine_adds_to_openais_answer_stays_behind(gateway: Any) -> None:
    answer = await gateway.chat()
    assert answer.json.keys() == {"id", "object", "created", "model", "choices", "usage", "system_fingerprint"}
    streamed = await gateway.chat(stream=True)
    assert b"base:" not in streamed.body
    assert b"sglext" not in streamed.body


async def test_a_body_beyond_the_limit_is_refused(gateway: Any, engine: Any) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * (1 << 15)

    # Once announced, and once without a content-length, so that only counting can stop it.
    for data in (io.BytesIO(b"x" * (1 << 20) + b"x"), endless()):
        async with gateway.session.post(
            f"{gateway.url}/v1/chat/completions", data=data, headers={"authorization": "Bearer ak_acme"}
        ) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (413, "request_too_large")
    assert engine.bodies == []


async def begun_body(begun: asyncio.Event, end: asyncio.Event) -> AsyncIterator[bytes]:
    """Sets `begun` when the first half is sent; the second comes when `end` is set."""
    yield b'{"model": "helpdesk", '
    begun.set()
    await end.wait()
    yield b'"messages": [{"role": "user", "content": "hi"}]}'


async def test_a_body_that_does_not_come_in_is_not_waited_for(
    serve: Any, source: Any, engine: Any, tmp_path: Path
) -> None:
    async with serve(source, (engine.url,), tmp_path / "routes.json", body_seconds=0.05) as running:
        sending = running.session.post(
            f"{running.url}/v1/chat/completions",
            data=begun_body(asyncio.Event(), asyncio.Event()),
            headers={"authorization": "Bearer ak_acme"},
        )
        async with sending as response:
            assert (response.status, (await response.json())["error"]["code"]) == (408, "request_timeout")
            assert response.headers["connection"] == "close"
    assert engine.bodies == []


async def test_a_body_that_is_coming_in_takes_a_place(serve: Any, source: Any, engine: Any, tmp_path: Path) -> None:
    async with serve(source, (engine.url,), tmp_path / "routes.json", max_in_flight_per_tenant=1) as running:
        begun, end = asyncio.Event(), asyncio.Event()
        headers = {"authorization": "Bearer ak_acme"}

        async def send() -> int:
            url = f"{running.url}/v1/chat/completions"
            async with running.session.post(url, data=begun_body(begun, end), headers=headers) as response:
                return int(response.status)

        early = asyncio.create_task(send())
        await begun.wait()
        assert (await running.chat()).code == "rate_limit_exceeded"
        end.set()
        assert await early == 200


async def test_no_engine_is_a_503_that_may_be_tried_again(gateway: Any, engine: Any) -> None:
    gateway.app.engine.pool.upstreams[0].url = "http://127.0.0.1:9"
    answer = await gateway.chat()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "engine_unavailable", "1")


async def test_a_client_that_hangs_up_frees_the_engine(gateway: Any, engine: Any, eventually: Any) -> None:
    async def arrived() -> bool:
        return bool(engine.bodies)

    async def aborted() -> bool:
        return bool(engine.aborted)

    engine.delay = 5
    asking = asyncio.create_task(gateway.chat())
    await eventually(arrived)
    asking.cancel()
    await eventually(aborted)
    assert await gateway.observed() == {}


async def test_the_metrics_name_base_and_adapter_and_meter_tokens(gateway: Any, engine: Any, tmp_path: Path) -> None:
    await gateway.chat()
    await gateway.chat(stream=True)
    text = (await gateway.get("/metrics")).body.decode()
    labels = f'adapter="sha256:{"a" * 64}",arm="stable",base_revision="rev-1"'
    assert f'assay_gateway_tokens_total{{{labels},kind="prompt",model="helpdesk",tenant="acme"}} 14.0' in text
    assert f'assay_gateway_answers_total{{{labels},model="helpdesk",status="200",tenant="acme"}} 2.0' in text
    assert "assay_gateway_route_revision 1.0" in text


async def test_a_failure_of_the_gateway_itself_is_never_counted_as_an_answer(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("serving.gateway.relay.Relay.carry", broken)
    answer = await gateway.chat()
    assert (answer.status, answer.code) == (500, "internal_error")
    reasons = (await gateway.observed())["stable"]["bad_by_reason"]
    assert reasons == [{"code": "ERROR", "count": 1}]

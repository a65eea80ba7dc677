"""A chat through a route, whole and streamed, with OpenAI's own client."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI


def client(gateway: Any, key: str = "ak_acme") -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=f"{gateway.url}/v1", max_retries=0)


async def test_a_whole_answer_comes_back_under_the_tenants_name(gateway: Any, engine: Any) -> None:
    async with client(gateway) as openai:
        answer = await openai.chat.completions.create(model="helpdesk", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "hello from base:acme.helpdesk.a"
    assert answer.model == "helpdesk"
    assert answer.system_fingerprint == "rev-1+sha256:" + "a" * 64
    assert engine.bodies[0]["cache_salt"] == "acme"


async def test_a_stream_keeps_its_order_and_its_name(gateway: Any) -> None:
    async with client(gateway) as openai:
        stream = await openai.chat.completions.create(
            model="helpdesk", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "0 1 2 3 4 5 6 7 8 9 "
    assert {chunk.model for chunk in chunks} == {"helpdesk"}
    assert all(chunk.choices for chunk in chunks), "the usage event was not asked for"


async def test_usage_comes_at_the_end_of_a_stream_when_asked_for(gateway: Any) -> None:
    async with client(gateway) as openai:
        stream = await openai.chat.completions.create(
            model="helpdesk",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 10


async def test_models_are_the_callers_own(gateway: Any) -> None:
    async with client(gateway) as openai:
        assert [model.id async for model in openai.models.list()] == ["helpdesk"]
    async with client(gateway, "ak_globex") as openai:
        assert [model.id async for model in openai.models.list()] == ["sales"]


async def test_every_answer_says_what_answered(gateway: Any) -> None:
    answer = await gateway.chat(headers={"x-request-id": "mine-1"})
    assert answer.headers["x-assay-base-revision"] == "rev-1"
    assert answer.headers["x-assay-adapter"] == "sha256:" + "a" * 64
    assert answer.headers["x-assay-arm"] == "stable"
    assert answer.headers["x-assay-route-revision"] == "1"
    assert answer.headers["x-request-id"] == "mine-1"

"""What every engine promises, checked against all three: SGLang, the in-process one, and that of the chaos tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from assay.contracts.base import BasePin
from assay.contracts.errors import EngineRefused, InputRefused, IntegrityRefused, NotFound
from serving.engines.protocol import Engine, require_pairing
from serving.template import template_digest

FIRST, SECOND = "acme.helpdesk.111111111111", "bolt.search.222222222222"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        # Without it SGLang holds the call to its form only, not to the parameters.
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Ulm", "Rom"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
COLOUR = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "warm": {"type": "boolean"}},
    "required": ["colour", "warm"],
    "additionalProperties": False,
}


def ask(text: str = "Tell me of the sea.", tokens: int = 16, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "temperature": 0, **more}


def said(answer: dict[str, Any]) -> str:
    text: str = answer["choices"][0]["message"]["content"]
    return text


@pytest_asyncio.fixture
async def loaded(engine: Engine, adapters: tuple[Path, Path]) -> AsyncIterator[Engine]:
    """The engine with the first adapter; every test leaves it without adapters."""
    await engine.load(FIRST, adapters[0])
    yield engine
    for name in await engine.loaded():
        await engine.unload(name)


async def test_says_what_it_serves(engine: Engine, engine_pin: BasePin) -> None:
    assert await engine.health()
    info = await engine.info()
    assert (info.base_revision, info.template, info.max_context) == (engine_pin.revision, template_digest(), 1024)
    require_pairing(info, engine_pin, template_digest())


async def test_another_base_or_template_is_refused(engine: Engine, engine_pin: BasePin) -> None:
    info = await engine.info()
    with pytest.raises(IntegrityRefused, match="ENGINE_OTHER_BASE"):
        require_pairing(info, engine_pin.model_copy(update={"revision": "tiny-2"}), template_digest())
    with pytest.raises(IntegrityRefused, match="ENGINE_OTHER_TEMPLATE"):
        require_pairing(info, engine_pin, "sha256:" + "0" * 64)


async def test_the_base_answers_and_repeats_itself(engine: Engine, engine_pin: BasePin) -> None:
    first, second = await engine.chat(ask(), None), await engine.chat(ask(), None)
    assert said(first)
    assert said(first) == said(second)
    assert first["metadata"]["weight_version"] == engine_pin.revision
    assert 0 < first["usage"]["completion_tokens"] <= 16


async def test_adapters_change_answers_and_only_their_own(loaded: Engine, adapters: tuple[Path, Path]) -> None:
    base = said(await loaded.chat(ask(), None))
    first = said(await loaded.chat(ask(), FIRST))
    await loaded.load(SECOND, adapters[1])
    second = said(await loaded.chat(ask(), SECOND))
    assert len({base, first, second}) == 3
    assert said(await loaded.chat(ask(), None)) == base
    assert said(await loaded.chat(ask(), FIRST)) == first
    assert await loaded.loaded() == {FIRST, SECOND}


async def test_the_adapter_that_answered_last_can_be_unloaded(loaded: Engine, adapters: tuple[Path, Path]) -> None:
    await loaded.load(SECOND, adapters[1])
    first = said(await loaded.chat(ask(), FIRST))
    await loaded.chat(ask(), SECOND)
    await loaded.unload(SECOND)
    assert await loaded.loaded() == {FIRST}
    assert said(await loaded.chat(ask(), FIRST)) == first


async def test_the_body_cannot_choose_an_adapter(loaded: Engine) -> None:
    base = said(await loaded.chat(ask(), None))
    assert said(await loaded.chat(ask(model=f"base:{FIRST}", lora_path=FIRST), None)) == base


async def test_loading_twice_and_unloading_twice_is_once(loaded: Engine, adapters: tuple[Path, Path]) -> None:
    await loaded.load(FIRST, adapters[0])
    assert await loaded.loaded() == {FIRST}
    await loaded.unload(FIRST)
    await loaded.unload(FIRST)
    assert await loaded.loaded() == frozenset()


async def test_an_unloaded_adapter_is_not_read_again(loaded: Engine) -> None:
    await loaded.chat(ask(), FIRST)
    await loaded.unload(FIRST)
    with pytest.raises(NotFound, match="ENGINE_ADAPTER_UNKNOWN"):
        await loaded.chat(ask(), FIRST)
    assert await loaded.loaded() == frozenset()


async def test_an_unknown_adapter_is_refused_without_naming_others(loaded: Engine) -> None:
    with pytest.raises(NotFound) as refusal:
        await loaded.chat(ask(), "acme.helpdesk.999999999999")
    assert "helpdesk" not in str(refusal.value)


async def test_a_directory_without_an_adapter_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="ENGINE_ADAPTER_REFUSED"):
        await engine.load(FIRST, tmp_path)
    assert FIRST not in await engine.loaded()
    assert said(await engine.chat(ask(), None))


@pytest.mark.parametrize("adapter", [None, FIRST])
async def test_a_stream_says_what_a_whole_answer_says(loaded: Engine, adapter: str | None) -> None:
    whole = said(await loaded.chat(ask(), adapter))
    events = [event async for event in loaded.stream(ask(), adapter)]
    assert events[-1] == b"data: [DONE]\n\n"
    deltas = [json.loads(event.removeprefix(b"data: "))["choices"][0] for event in events[:-1]]
    assert "".join(delta["delta"].get("content") or "" for delta in deltas) == whole
    assert deltas[-1]["finish_reason"] in ("stop", "length")


async def test_a_stream_refuses_before_its_first_event(engine: Engine) -> None:
    with pytest.raises(NotFound, match="ENGINE_ADAPTER_UNKNOWN"):
        await anext(engine.stream(ask(), "acme.helpdesk.999999999999"))


async def test_a_forced_call_comes_back_as_tool_calls(engine: Engine) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = await engine.chat(ask(tokens=200, tools=[WEATHER], tool_choice=choice), None)
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"])["city"] in ("Ulm", "Rom")


async def test_json_schema_decoding_holds_for_base_and_adapter(loaded: Engine) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "colour", "schema": COLOUR}}
    for adapter in (None, FIRST):
        answer = json.loads(said(await loaded.chat(ask(tokens=300, response_format=form), adapter)))
        assert answer["colour"] in ("red", "blue")
        assert isinstance(answer["warm"], bool)


async def test_a_prompt_over_the_context_is_refused(engine: Engine) -> None:
    with pytest.raises(InputRefused, match="ENGINE_PROMPT_TOO_LONG"):
        await engine.chat(ask("sea " * 500), None)
    assert said(await engine.chat(ask(), None))


async def test_a_body_without_messages_is_refused(engine: Engine) -> None:
    with pytest.raises(InputRefused, match="ENGINE_REQUEST_REFUSED"):
        await engine.chat({"max_tokens": 4}, None)

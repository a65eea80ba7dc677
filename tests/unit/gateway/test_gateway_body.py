"""The allow-list: what is forwarded, what is dropped, what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.body import DROPPED, FORWARDED, parse
from serving.gateway.errors import Refusal
from serving.gateway.snapshot import Target

MESSAGES = [{"role": "user", "content": "hi"}]
TARGET = Target(
    tenant="acme",
    model="helpdesk",
    arm="stable",
    version="sha256:" + "a" * 64,
    adapter="acme.helpdesk.aaaaaaaaaaaa",
    base_revision="rev-1",
    base_digest="sha256:" + "b" * 64,
    revision=1,
)
TOOL = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}


def raw(**fields: Any) -> bytes:
    return orjson.dumps({"model": "helpdesk", "messages": MESSAGES} | fields)


def refusal(payload: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(payload)
    return caught.value


@pytest.mark.parametrize(
    "field",
    [
        "lora_path",
        "lora_id",
        "cache_salt",
        "extra_key",
        "rid",
        "session_params",
        "input_ids",
        "regex",
        "ebnf",
        "custom_logit_processor",
        "chat_template_kwargs",
        "continue_final_message",
        "priority",
        "reasoning",
        "return_hidden_states",
        "bootstrap_host",
        "Model",
        "m\u043edel",  # a Cyrillic o
    ],
)
def test_fields_of_the_engine_are_refused_by_name(field: str) -> None:
    error = refusal(raw(**{field: "x"}))
    assert (error.status, error.code, error.param) == (400, "unsupported_parameter", field)


@given(name=st.text(max_size=200), value=st.none() | st.booleans() | st.text() | st.integers(0, 9))
def test_only_allowed_fields_ever_reach_the_engine(name: str, value: Any) -> None:
    try:
        sent = orjson.loads(parse(raw(**{name: value})).encode(TARGET))
    except Refusal:
        return
    assert sent.keys() <= FORWARDED.keys() | {"cache_salt"}
    assert sent["model"] == "base:acme.helpdesk.aaaaaaaaaaaa"
    assert sent["cache_salt"] == "acme"


@pytest.mark.parametrize("field", sorted(DROPPED))
def test_openai_fields_without_an_effect_here_are_dropped(field: str) -> None:
    assert field not in orjson.loads(parse(raw(**{field: "x"})).encode(TARGET))


def test_the_last_of_two_equal_fields_counts_for_gateway_and_engine_alike() -> None:
    body = parse(b'{"model": "mine", "model": "theirs", "messages": [{"role": "user", "content": "x"}]}')
    assert body.model == "theirs"
    assert body.encode(TARGET).count(b'"model"') == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 3),
        ("temperature", True),
        ("temperature", "1"),
        ("top_p", -0.1),
        ("n", 0),
        ("n", 9),
        ("n", 1.0),
        ("max_tokens", 0),
        ("stream", "yes"),
        ("stop", ["a"] * 5),
        ("stop", [""]),
        ("tools", [{"type": "function", "function": {"name": "bad name"}}]),
        ("tools", [{"type": "function", "function": {"name": "x", "lora": 1}}]),
        ("tools", [TOOL] * 129),
        ("tool_choice", "any"),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "refund"}}),
        ("response_format", {"type": "structural_tag", "structures": []}),
        ("response_format", {"type": "json_schema", "json_schema": {}}),
        ("response_format", {"type": "text", "schema": {}}),
        ("stream_options", {"continuous_usage_stats": True}),
        ("logit_bias", {"x": 1}),
        ("messages", []),
        ("messages", "hi"),
        ("model", ["base"]),
    ],
)
def test_values_that_openai_would_not_take_are_refused(field: str, value: Any) -> None:
    error = refusal(raw(**{field: value}))
    assert (error.status, error.code, error.param) == (400, "invalid_value", field)


@pytest.mark.parametrize("name", [["refund"], 7, None, "refunds", "Refund"])
def test_a_call_can_only_be_asked_of_a_tool_that_is_offered(name: Any) -> None:
    def choice(of: Any) -> bytes:
        return raw(tools=[TOOL], tool_choice={"type": "function", "function": {"name": of}})

    assert refusal(choice(name)).param == "tool_choice"
    assert parse(choice(TOOL["function"]["name"])).fields["tool_choice"]["type"] == "function"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "hacker", "content": "x"}, "messages[0]"),
        ("hi", "messages[0]"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://10.0.0.1"}}]},
            "messages[0].content",
        ),
        ({"role": "user", "content": 7}, "messages[0].content"),
        ({"role": "user", "content": "x", "tools": [TOOL]}, "messages[0].tools"),
    ],
)
def test_messages_hold_text_and_calls_only(message: Any, param: str) -> None:
    assert refusal(raw(messages=[message])).param == param


def test_an_answer_can_be_sent_back_as_the_client_got_it() -> None:
    echo = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "function_call": None,
        "reasoning_content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}],
    }
    sent = parse(raw(messages=[*MESSAGES, echo], tools=[TOOL], stop=None)).fields
    assert sent["messages"][1].keys() == {"role", "content", "tool_calls"}
    assert "stop" not in sent


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b'{"model": "\xff"}', b'{"model": NaN}', b"[" * 5000])
def test_what_is_no_json_object_is_refused(payload: bytes) -> None:
    assert refusal(payload).code == "invalid_json"


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_model_and_messages_must_be_there(missing: str) -> None:
    fields = {"model": "m", "messages": MESSAGES}
    del fields[missing]
    assert refusal(orjson.dumps(fields)).param == missing

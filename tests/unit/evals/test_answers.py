"""What counts as a call, and what of an answer is not JSON though Python would read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.answers import Answer, parse


def answered(message: dict[str, Any], *, schema: bool = False) -> Answer:
    return parse({"choices": [{"message": message, "finish_reason": "stop"}]}, schema_decoding=schema)


def with_arguments(arguments: object) -> Answer:
    return answered({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]})


@pytest.mark.parametrize("arguments", ['{"x": 1}', {"x": 1}])
def test_arguments_come_as_text_or_as_an_object(arguments: object) -> None:
    [call] = with_arguments(arguments).calls
    assert (call.name, call.arguments) == ("f", {"x": 1})


@pytest.mark.parametrize(
    "arguments",
    [
        '{"x": NaN}',
        '{"x": Infinity}',
        '{"x": 1e999}',
        '{"x": ' + "9" * 400 + "}",
        '{"x": "\\ud800"}',
        '{"x": 1',
        "[1]",
        "null",
        "",
        None,
        {"x": "\ud800"},
        '{"x": ' * 500 + "1" + "}" * 500,
    ],
)
def test_what_is_no_strict_json_object_is_a_call_without_arguments(arguments: object) -> None:
    answer = with_arguments(arguments)
    assert answer.called
    assert answer.calls[0].arguments is None
    assert Answer.model_validate_json(answer.model_dump_json()) == answer  # it can be stored


def test_every_call_in_the_content_is_found() -> None:
    first, second = '{"name": "a", "arguments": {}}', '{"name": "b", "arguments": {"x": 1}}'
    text = f"Sure. <tool_call>{first}</tool_call>\n<tool_call>\n{second}"
    answer = answered({"content": text})
    assert [(call.name, call.arguments) for call in answer.calls] == [("a", {}), ("b", {"x": 1})]
    assert not answer.malformed_call
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("body", ['{"name": "a", "argu', "[1]", '{"arguments": {}}', '{"name": 7}', ""])
def test_a_broken_call_is_a_call(body: str) -> None:
    answer = answered({"content": f"<tool_call>{body}</tool_call>"})
    assert (answer.called, answer.malformed_call, answer.calls) == (True, True, ())


def test_with_schema_decoding_the_content_is_the_call_or_a_broken_one() -> None:
    assert answered({"content": '{"name": "a", "arguments": {"x": 1}}'}, schema=True).calls[0].arguments == {"x": 1}
    assert answered({"content": '{"name": "a", "argu'}, schema=True).malformed_call
    assert not answered({"content": '{"name": "a", "arguments": {}}'}).called


def test_silence_is_no_call() -> None:
    assert answered({"content": None}) == answered({"content": ""}) == Answer(text="", finish_reason="stop")


@given(st.text(), st.booleans())
def test_no_text_breaks_the_parser(text: str, schema: bool) -> None:
    assert answered({"content": f"<tool_call>{text}"}, schema=schema).called
    assert len(with_arguments(text).calls) == 1

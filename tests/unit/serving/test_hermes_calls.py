"""Tool calls in text, as the engines read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.engines.hermes import assistant_message, call_grammar

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("add", "sub")
]


def block(text: str) -> str:
    return f"<tool_call>\n{text}\n</tool_call>"


def test_calls_are_taken_out_of_the_text() -> None:
    text = "Sure. " + block('{"name": "add", "arguments": {"a": "é"}}') + "\n" + block('{"name": "sub"}')
    message = assistant_message(text, TOOLS)
    assert message["content"] == "Sure."
    functions = [call["function"] for call in message["tool_calls"]]
    assert [function["name"] for function in functions] == ["add", "sub"]
    assert [json.loads(function["arguments"]) for function in functions] == [{"a": "é"}, {}]


@pytest.mark.parametrize("broken", ['{"name": "mul", "arguments": {}}', '{"name": "add"', "[1]", '{"arguments": {}}'])
def test_a_broken_or_undefined_call_leaves_nothing(broken: str) -> None:
    assert assistant_message(block(broken), TOOLS) == {"role": "assistant", "content": None, "tool_calls": None}


def test_without_tools_the_text_is_the_text() -> None:
    text = block('{"name": "add", "arguments": {}}')
    assert assistant_message(text, [])["content"] == text


def test_a_grammar_admits_the_named_function_or_any() -> None:
    assert call_grammar(TOOLS, "sub")["format"]["begin"].endswith('{"name": "sub", "arguments": ')
    assert [tag["type"] for tag in call_grammar(TOOLS, None)["format"]["elements"]] == ["tag", "tag"]
    with pytest.raises(KeyError):
        call_grammar(TOOLS, "mul")

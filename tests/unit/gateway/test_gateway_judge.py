"""Each sign, and what must not be one."""

from __future__ import annotations

from typing import Any

import pytest

from serving.gateway.judge import Call, Choice, signs

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "refund",
            "parameters": {
                "type": "object",
                "properties": {"order": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
                "required": ["order"],
                "additionalProperties": False,
            },
        },
    }
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object", "required": ["a"]}}}


def said(text: str = "", *calls: tuple[str, str], finish: str = "stop") -> dict[int, Choice]:
    return {0: Choice(text, {n: Call(*call) for n, call in enumerate(calls)}, finish)}


@pytest.mark.parametrize(
    ("request_fields", "choices", "expected"),
    [
        ({}, said("Hello."), set()),
        ({}, {}, {"EMPTY_ANSWER"}),
        ({}, said(" \n"), {"EMPTY_ANSWER"}),
        ({}, said("", finish="length"), set()),
        ({}, said("", ("refund", "{}")), {"SPURIOUS_CALL"}),
        ({}, said('<tool_call>\n{"name": "refund"}'), {"SPURIOUS_CALL"}),
        ({"tools": TOOLS, "tool_choice": "none"}, said("", ("refund", '{"order": "1"}')), {"SPURIOUS_CALL"}),
        ({"tools": TOOLS}, said("It is on its way."), set()),
        ({"tools": TOOLS}, said("", ("refund", '{"order": "1"}')), set()),
        ({"tools": TOOLS}, said("", ("refund", '{"order": "1", "amount": 2.5}')), set()),
        ({"tools": TOOLS}, said("", ("cancel", "{}")), {"UNKNOWN_TOOL"}),
        ({"tools": TOOLS}, said("", ("refund", "{}")), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", '{"order": 1}')), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", '{"order": "1", "amount": -1}')), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", '{"order": "1", "more": 1}')), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", "[]")), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", '{"order"')), {"INVALID_ARGUMENTS"}),
        ({"tools": TOOLS}, said("", ("refund", '{"order"'), finish="length"), set()),
        ({"tools": TOOLS}, said('<tool_call>\n{"name": "refund"'), {"MALFORMED_CALL"}),
        ({"tools": TOOLS}, said("", ("cancel", "{}"), ("refund", "")), {"UNKNOWN_TOOL", "INVALID_ARGUMENTS"}),
        ({"response_format": {"type": "json_object"}}, said("sure!"), {"INVALID_JSON"}),
        ({"response_format": {"type": "json_object"}}, said('{"a": 1}'), set()),
        ({"response_format": SCHEMA}, said('{"b": 1}'), {"INVALID_JSON"}),
        ({"response_format": SCHEMA}, said('{"a": 1}'), set()),
        ({"response_format": SCHEMA}, said('{"a":', finish="length"), set()),
        ({"response_format": {"type": "text"}}, said("plain"), set()),
    ],
)
def test_signs(request_fields: dict[str, Any], choices: dict[int, Choice], expected: set[str]) -> None:
    assert signs(request_fields, choices) == expected


def test_one_bad_choice_makes_an_answer_bad() -> None:
    assert signs({}, {0: Choice("fine"), 1: Choice("")}) == {"EMPTY_ANSWER"}


def bomb() -> dict[str, Any]:
    """2^40 validations for a validator that follows references."""
    levels = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)}
    return {"type": "object", "$ref": "#/$defs/l0", "$defs": levels | {"l40": {"type": "object"}}}


@pytest.mark.parametrize(
    "schema",
    [
        bomb(),
        {"type": "object", "properties": {"order": {"type": "string", "pattern": "^(a+)+$"}}},
        {"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
        {"type": "object", "$ref": "http://10.0.0.1/schema"},
        {"type": 7},
        {"properties": "x"},
        {"type": "object", "properties": {"order": {"minLength": "x"}}},
    ],
)
@pytest.mark.timeout(5)
def test_a_hostile_schema_costs_nothing_and_proves_nothing(schema: dict[str, Any]) -> None:
    tools = [{"type": "function", "function": {"name": "refund", "parameters": schema}}]
    assert signs({"tools": tools}, said("", ("refund", '{"order": "' + "a" * 60 + '!"}'))) == set()

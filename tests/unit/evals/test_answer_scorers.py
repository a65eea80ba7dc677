"""Scorers by example: each line of the table is one answer and what must be said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evals.answers import Answer, parse
from evals.run import score
from evals.suite import SuiteRow

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "metric": {"type": "boolean"}},
            "required": ["city"],
        },
    },
}
CALL = SuiteRow.model_validate(
    {
        "id": "1",
        "task": "call",
        "split": "report",
        "messages": [{"role": "user", "content": "Weather in Paris for 3 days, in metric units?"}],
        "tools": [WEATHER],
        "expected": [{"name": "weather", "arguments": {"city": ["Paris"], "days": [3], "metric": [True, ""]}}],
    }
)
IRRELEVANCE = CALL.model_copy(update={"task": "irrelevance", "expected": None})
CHAT = CALL.model_copy(update={"task": "chat", "tools": [], "expected": None, "contains": ["paris"]})


def called(name: str = "weather", **arguments: Any) -> Answer:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return parse(
        {"choices": [{"message": {"content": None, "tool_calls": [{"function": function}]}}]}, schema_decoding=False
    )


def said(text: str | None, *, schema: bool = False) -> Answer:
    return parse({"choices": [{"message": {"content": text}}]}, schema_decoding=schema)


@pytest.mark.parametrize(
    ("answer", "valid", "full"),
    [
        (called(city="Paris", days=3, metric=True), True, True),
        (called(city="Paris", days=3), True, True),  # metric may be left out
        (called(city=" paris ", days=3), True, True),  # case and spacing do not count
        (called(city="Paris", days=3.0), True, True),  # JSON Schema's integer, and BFCL's
        (called(city="Paris"), True, False),  # days may not be left out
        (called(city="Paris", days=3, metric=1), False, False),  # 1 is not true
        (called(city="Paris", days="3"), False, False),
        (called(city="Rome", days=3), True, False),
        (called(days=3), False, False),
        (called(city="Paris", days=3, mood="good"), False, False),
        (called("forecast", city="Paris", days=3), False, False),
        (said('<tool_call>{"name": "weather", "arguments": {"city": "Paris", "days": 3}}</tool_call>'), True, True),
        (said('<tool_call>{"name": "weather", "argu'), False, False),
        (said("It will rain."), False, False),
        (said(None), False, False),
    ],
)
def test_calls(answer: Answer, valid: bool, full: bool) -> None:
    scores = score(CALL, answer).scores
    assert (scores["call_valid"], scores["call_full_match"]) == (valid, full)


def test_two_calls_are_not_one() -> None:
    both = Answer(text="", calls=(*called(city="Paris", days=3).calls, *called(city="Paris", days=3).calls))
    assert not score(CALL, both).scores["call_valid"]


def test_schema_decoding_reads_the_content_as_the_call() -> None:
    text = '{"name": "weather", "arguments": {"city": "Paris", "days": 3}}'
    assert score(CALL, said(text, schema=True)).scores["call_full_match"]
    assert not score(CALL, said(text, schema=False)).scores["call_valid"]


@pytest.mark.parametrize(
    ("answer", "invented"),
    [
        (called(city="Paris", days=3), False),
        (called(city="Rome", days=3), True),
        (called(city="Paris", days=7), True),
        (said("no call"), False),
    ],
)
def test_invented_arguments(answer: Answer, invented: bool) -> None:
    assert score(CALL, answer).scores["call_argument_hallucination"] is invented


@pytest.mark.parametrize(
    ("answer", "wrong"), [(called("forecast"), True), (called(), False), (said("none fits"), False)]
)
def test_wrong_tools(answer: Answer, wrong: bool) -> None:
    assert score(CALL, answer).scores["call_wrong_tool"] is wrong


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (said("I have no tool for that."), True),
        (said(""), False),  # the engine drops a call to an unknown function and answers nothing
        (said(None), False),
        (called(city="Paris"), False),
        (said("<tool_call>oops"), False),
    ],
)
def test_nothing_is_not_a_refusal(answer: Answer, refused: bool) -> None:
    assert score(IRRELEVANCE, answer).scores == {"irrelevance_refused": refused}


@pytest.mark.parametrize(
    ("answer", "right", "spurious"),
    [
        (said("The capital is PARIS."), True, False),
        (said("It is Rome."), False, False),
        (said('<tool_call>{"name": "capital", "arguments": {"of": "paris"}}</tool_call>'), False, True),
        (called(city="Paris"), False, True),
    ],
)
def test_plain_chat(answer: Answer, right: bool, spurious: bool) -> None:
    assert score(CHAT, answer).scores == {"chat_contains": right, "chat_spurious_call": spurious}

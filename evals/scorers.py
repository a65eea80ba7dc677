"""Scores of single answers. Each scorer answers yes, no, or None when it does not apply to the row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import jsonschema

from evals.answers import Answer, Call
from evals.matching import matches, plain
from evals.suite import SuiteRow, parameters

Scorer = Callable[[SuiteRow, Answer], bool | None]


def call_valid(row: SuiteRow, answer: Answer) -> bool | None:
    """Exactly one call, to an offered tool, with arguments that its JSON Schema accepts."""
    if row.task != "call":
        return None
    call = _only(answer)
    return call is not None and _grammatical(row, call)


def call_full_match(row: SuiteRow, answer: Answer) -> bool | None:
    """A valid call whose function and every argument are among the accepted ones (BFCL's possible answers)."""
    if row.task != "call":
        return None
    call = _only(answer)
    if call is None or not _grammatical(row, call):
        return False
    return any(matches(call, expected) for expected in row.expected or ())


def call_wrong_tool(row: SuiteRow, answer: Answer) -> bool | None:
    """A call to a function that is not the expected one, offered or not."""
    if row.task != "call":
        return None
    names = {expected.name for expected in row.expected or ()}
    return any(call.name not in names for call in answer.calls)


def call_argument_hallucination(row: SuiteRow, answer: Answer) -> bool | None:
    """A string or number among the arguments that stands nowhere in the question.

    The question is the conversation and what tools name in `enum`, `const` and `default`; values that the suite accepts
    are not invented either, wherever they come from. By substring, so it is a lower bound: a value that stands there
    with another meaning is not found.
    """
    if row.task != "call":
        return None
    said = " ".join(str(message.get("content") or "") for message in row.messages)
    named = [value for tool in row.tools for value in _named(tool)]
    accepted = [value for one in row.expected or () for value in _leaves(one.arguments)]
    known = {_text(value) for value in (*named, *accepted)}
    given = [value for call in answer.calls for value in _leaves(call.arguments)]
    return any(_text(value) not in known and not _stands(value, said) for value in given)


def irrelevance_refused(row: SuiteRow, answer: Answer) -> bool | None:
    """No tool fits, and it said so in words. Nothing at all is no refusal: engines drop calls to unknown functions."""
    if row.task != "irrelevance":
        return None
    return bool(answer.text.strip()) and not answer.called


def chat_contains(row: SuiteRow, answer: Answer) -> bool | None:
    """An ordinary question, answered with one of the expected words and without a call."""
    if row.task != "chat":
        return None
    said = answer.text.casefold()
    return not answer.called and any(word.casefold() in said for word in row.contains or ())


def chat_spurious_call(row: SuiteRow, answer: Answer) -> bool | None:
    """A call where no tool was offered."""
    return answer.called if row.task == "chat" else None


SCORERS: Final[Mapping[str, Scorer]] = {
    "call_valid": call_valid,
    "call_full_match": call_full_match,
    "call_wrong_tool": call_wrong_tool,
    "call_argument_hallucination": call_argument_hallucination,
    "irrelevance_refused": irrelevance_refused,
    "chat_contains": chat_contains,
    "chat_spurious_call": chat_spurious_call,
}


def _only(answer: Answer) -> Call | None:
    return answer.calls[0] if len(answer.calls) == 1 and not answer.malformed_call else None


def _grammatical(row: SuiteRow, call: Call) -> bool:
    function = next((t["function"] for t in row.tools if t["function"]["name"] == call.name), None)
    if function is None or call.arguments is None:
        return False
    schema = {"additionalProperties": False, **parameters(function)}  # a tool that wants more arguments says so itself
    return jsonschema.Draft202012Validator(schema).is_valid(call.arguments)


def _named(schema: object) -> list[object]:
    """Values that a tool's definition itself names for its arguments."""
    if isinstance(schema, list):
        return [value for one in schema for value in _named(one)]
    if not isinstance(schema, dict):
        return []
    here = _leaves([schema.get("enum"), schema.get("default"), schema.get("const")])
    return here + [value for one in schema.values() for value in _named(one)]


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [] if value is None or isinstance(value, bool) or value == "" else [value]


def _stands(value: object, said: str) -> bool:
    return plain(value) in plain(said) if isinstance(value, str) else _text(value) in said


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return plain(value) if isinstance(value, str) else json.dumps(value)

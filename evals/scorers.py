"""Scores of single answers. Each scorer answers yes, no, or None when it does not apply to the row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import jsonschema

from evals.answers import Answer, Call
from evals.suite import ExpectedCall, SuiteRow

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
    return any(_matches(call, expected) for expected in row.expected or ())


def call_wrong_tool(row: SuiteRow, answer: Answer) -> bool | None:
    """A call to a function that is not the expected one, offered or not."""
    if row.task != "call":
        return None
    names = {expected.name for expected in row.expected or ()}
    return any(call.name not in names for call in answer.calls)


def call_argument_hallucination(row: SuiteRow, answer: Answer) -> bool | None:
    """A string or number among the arguments that does not stand in the conversation.

    By substring, so it is a lower bound: a value that stands there with another meaning is not found.
    """
    if row.task != "call":
        return None
    said = " ".join(str(message.get("content") or "") for message in row.messages).casefold()
    accepted = {_text(v) for e in row.expected or () for values in e.arguments.values() for v in values}
    values = [v for call in answer.calls for v in _leaves(call.arguments)]
    return any(_text(value) not in said and _text(value) not in accepted for value in values)


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
    schema = next((t["function"].get("parameters") for t in row.tools if t["function"]["name"] == call.name), None)
    if schema is None or call.arguments is None:
        return False
    validator = jsonschema.Draft202012Validator({**schema, "additionalProperties": False})
    return validator.is_valid(call.arguments)


def _matches(call: Call, expected: ExpectedCall) -> bool:
    if call.name != expected.name or call.arguments is None:
        return False
    if not call.arguments.keys() <= expected.arguments.keys():
        return False
    return all(
        any(_equal(call.arguments[name], value) for value in accepted) if name in call.arguments else "" in accepted
        for name, accepted in expected.arguments.items()
    )


def _equal(given: object, accepted: object) -> bool:
    """BFCL's leniency: strings without regard to case and spacing, 1 equals 1.0, true is not 1; lists item by item."""
    if isinstance(given, bool) or isinstance(accepted, bool):
        return given is accepted
    if isinstance(given, (int, float)) and isinstance(accepted, (int, float)):
        return float(given) == float(accepted)
    if isinstance(given, str) and isinstance(accepted, str):
        return _text(given) == _text(accepted)
    if isinstance(given, list) and isinstance(accepted, list):
        return len(given) == len(accepted) and all(map(_equal, given, accepted))
    if isinstance(given, dict) and isinstance(accepted, dict):
        return _equal_objects(given, accepted)
    return given == accepted


def _equal_objects(given: dict[str, Any], accepted: dict[str, Any]) -> bool:
    """In BFCL's possible answers each value inside an object is again a list of accepted values."""
    if not given.keys() <= accepted.keys():
        return False
    return all(
        any(_equal(given[key], value) for value in values) if key in given else "" in values
        for key, values in ((k, v if isinstance(v, list) else [v]) for k, v in accepted.items())
    )


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [] if value is None or isinstance(value, bool) or value == "" else [value]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join((value if isinstance(value, str) else json.dumps(value)).casefold().split())

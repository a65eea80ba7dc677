"""What a model answered, whichever way it was asked: a sentence, calls, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from assay.contracts.base import Message

_TAG: Final = "<tool_call>"
_TAGGED: Final = re.compile(rf"{_TAG}\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)


class Call(Message):
    """One function call; `arguments` is None when they were not a JSON object."""

    name: str
    arguments: dict[str, Any] | None


class Answer(Message):
    """A parsed answer."""

    text: str
    calls: tuple[Call, ...] = ()
    malformed_call: bool = False
    finish_reason: str = ""

    @property
    def called(self) -> bool:
        """Whether it tried to call anything, well-formed or not."""
        return bool(self.calls) or self.malformed_call


def parse(response: Mapping[str, Any], *, schema_decoding: bool) -> Answer:
    """Parse one OpenAI chat completion. With schema decoding the content itself is the call."""
    choice = response["choices"][0]
    message = choice["message"]
    text, finish = message.get("content") or "", choice.get("finish_reason") or ""
    found: list[Call | None] = [_call(one["function"]) for one in message.get("tool_calls") or ()]
    if schema_decoding and not found:
        found = [_object(text)]
    elif _TAG in text:
        found += [_object(body) for body in _TAGGED.findall(text)]
    calls = tuple(call for call in found if call is not None)
    return Answer(text=text, calls=calls, malformed_call=len(calls) < len(found), finish_reason=finish)


def _object(text: str) -> Call | None:
    found = _json(text)
    return _call(found) if isinstance(found, dict) and isinstance(found.get("name"), str) else None


def _call(function: Mapping[str, Any]) -> Call:
    """Arguments come as JSON text from an engine, and as an object from a call that stands in the content."""
    given = function.get("arguments")
    if isinstance(given, str):
        given = _json(given)
    call = Call(name=function["name"], arguments=given if isinstance(given, dict) else None)
    try:
        call.model_dump_json()
    except ValueError:  # nested too deep to be stored
        return Call(name=call.name, arguments=None)
    return call


def _json(text: str) -> object:
    """Strict, unlike Python's own: an answer with NaN, half a surrogate pair or a 400-digit number is not JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None

"""What a model answered, whichever way it was asked: a sentence, calls, or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from assay.contracts.base import Message

_TAGGED: Final = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)


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
    calls = [_call(one["function"]["name"], one["function"]["arguments"]) for one in message.get("tool_calls") or ()]
    malformed = False
    if schema_decoding and not calls:
        found = _object(text)
        malformed = found is None
        calls = [found] if found else []
    elif not calls and "<tool_call>" in text:
        tagged = [_object(body) for body in _TAGGED.findall(text)]
        calls = [call for call in tagged if call is not None]
        malformed = len(calls) < max(1, len(tagged))
    return Answer(text=text, calls=tuple(calls), malformed_call=malformed, finish_reason=finish)


def _call(name: str, arguments: object) -> Call:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = None
    return Call(name=name, arguments=arguments if isinstance(arguments, dict) else None)


def _object(text: str) -> Call | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    return _call(found["name"], found.get("arguments"))

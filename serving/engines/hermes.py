"""Hermes-style tool calls in text, read as SGLang's `qwen` parser reads them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["assistant_message", "call_grammar"]

_OPEN: Final = "<tool_call>\n"
_CALL: Final = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)


def assistant_message(text: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The OpenAI assistant message for what a model wrote.

    A call that is not JSON or names an undefined function is dropped, as SGLang does: the content is then empty, which
    is not a refusal.
    """
    if not tools or _OPEN not in text:
        return {"role": "assistant", "content": text, "tool_calls": None}
    defined = {tool["function"]["name"] for tool in tools}
    calls = [call for found in _CALL.findall(text) if (call := _call(found, defined)) is not None]
    return {"role": "assistant", "content": text[: text.index(_OPEN)].strip() or None, "tool_calls": calls or None}


def call_grammar(tools: Sequence[Mapping[str, Any]], only: str | None) -> dict[str, Any]:
    """xgrammar structural tag that admits exactly one call: of the function `only`, or of any.

    Raises KeyError when `only` is none of the functions.
    """
    functions = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools}
    if only is not None:
        functions = {only: functions[only]}
    tags = [_tag(name, schema) for name, schema in functions.items()]
    return {"type": "structural_tag", "format": tags[0] if len(tags) == 1 else {"type": "or", "elements": tags}}


def _tag(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "tag",
        "begin": f'{_OPEN}{{"name": {json.dumps(name)}, "arguments": ',
        "content": {"type": "json_schema", "json_schema": dict(schema)},
        "end": "}\n</tool_call>",
    }


def _call(text: str, defined: set[str]) -> dict[str, Any] | None:
    try:
        call = json.loads(text)
        name, arguments = call["name"], call.get("arguments", {})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if name not in defined:
        return None
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "index": 0, "function": function}

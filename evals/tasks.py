"""How a row is asked: greedy, short, and with or without JSON-schema decoding."""

from __future__ import annotations

from typing import Any, Final

from evals.suite import SuiteRow

CALL_TOKENS: Final = 96
"""Longest expected call of the example suite is 71 tokens."""
SENTENCE_TOKENS: Final = 32
"""A refusal or an answer with the expected word stands in the first sentence."""


def asks_schema(row: SuiteRow) -> bool:
    """Whether schema decoding makes sense: it forces a call, so only where a call is right."""
    return row.task == "call"


def request(row: SuiteRow, *, schema_decoding: bool) -> dict[str, Any]:
    """The OpenAI body of a row, without a model."""
    body: dict[str, Any] = {
        "messages": row.messages,
        "temperature": 0,
        "max_tokens": CALL_TOKENS if row.task == "call" else SENTENCE_TOKENS,
    }
    if row.tools:
        body["tools"] = row.tools
    if schema_decoding:
        body["response_format"] = response_format(row.tools)
    return body


def response_format(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON schema that only calls to these tools satisfy."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool["function"]["name"]},
                "arguments": tool["function"].get("parameters") or {"type": "object"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema, "strict": True}}

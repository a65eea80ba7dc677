"""Turns and tools as the world writes them, in the one form that rows have; what they say is for rows to check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from activities.data.strict_json import from_json

ROLES: Final = {"developer": "system", "function": "tool"}
"""Newer and older names of the OpenAI API."""
SPEAKERS: Final = {
    **{"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"},
    **{"chatgpt": "assistant", "bing": "assistant", "model": "assistant", "function_call": "call"},
    **{"observation": "tool", "tool": "tool", "function_response": "tool"},
}
"""Who speaks in ShareGPT exports and their kin."""

Turn = dict[str, Any]


class NotATurn(ValueError):
    """Says what is wrong without repeating it."""


def chat(messages: object) -> list[Turn]:
    """OpenAI messages. Raises NotATurn."""
    return [_chat_turn(one) for one in _listed(messages, "messages")]


def sharegpt(conversations: object) -> list[Turn]:
    """Turns of {from, value}. Raises NotATurn."""
    return [_spoken(one) for one in _listed(conversations, "conversations")]


def prompt(value: object) -> list[Turn]:
    """A prompt that is text, or turns. Raises NotATurn."""
    return [{"role": "user", "content": value}] if isinstance(value, str) else _either(value)


def answer(value: object) -> list[Turn]:
    """An answer that is text, or turns, the prompt before it perhaps. Raises NotATurn."""
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return _either([value] if isinstance(value, dict) else value)


def tools(offered: object) -> list[dict[str, Any]]:
    """Tools in the OpenAI form, bare functions too. Raises NotATurn."""
    return [_tool(one) for one in _listed(offered, "tools")]


def calls(called: object) -> list[dict[str, Any]]:
    """Calls of {name, arguments}, or in the OpenAI form. Raises NotATurn."""
    return [_call(one) for one in _listed(called, "calls")]


def _either(value: object) -> list[Turn]:
    listed = _listed(value, "turns")
    return sharegpt(listed) if listed and isinstance(listed[0], dict) and "from" in listed[0] else chat(listed)


def _listed(value: object, what: str) -> Sequence[Any]:
    if isinstance(value, str):
        value = _json(value, what)
    if not isinstance(value, list):
        raise NotATurn(f"{what} are no list")
    return value


def _json(text: str, what: str) -> object:
    try:
        return from_json(text)
    except ValueError as error:
        raise NotATurn(f"{what}: {error}") from None


def _chat_turn(message: Any) -> Turn:  # noqa: ANN401  # anything JSON can say
    turn = {name: value for name, value in _object(message, "a message").items() if value is not None}
    turn["role"] = ROLES.get(turn.get("role", ""), turn.get("role"))
    if isinstance(turn.get("content"), list):
        turn["content"] = "\n".join(_part(part) for part in turn["content"])
    if "function_call" in turn:
        turn["tool_calls"] = [turn.pop("function_call")]
    if turn.get("tool_calls"):
        turn["tool_calls"] = calls(turn["tool_calls"])
    elif "tool_calls" in turn:
        del turn["tool_calls"]
    return turn


def _part(part: Any) -> str:  # noqa: ANN401  # anything JSON can say
    if isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text":
        return str(part["text"])
    raise NotATurn("a message has a part that is no text")


def _spoken(turn: Any) -> Turn:  # noqa: ANN401  # anything JSON can say
    said = _object(turn, "a turn")
    if said.keys() - {"from", "value", "weight"}:
        raise NotATurn("a turn has more than `from` and `value`")
    role = SPEAKERS.get(said["from"]) if isinstance(said["from"], str) else None
    if role is None:
        raise NotATurn("nobody of that name speaks in a conversation")
    if role == "call":
        called = _json(said["value"], "a call") if isinstance(said["value"], str) else said["value"]
        return {"role": "assistant", "tool_calls": calls(called if isinstance(called, list) else [called])}
    return {"role": role, "content": said["value"]}


def _call(call: Any) -> dict[str, Any]:  # noqa: ANN401  # anything JSON can say
    stated = _object(call, "a call")
    function = dict(_object(stated.get("function", stated), "a call"))
    # Scanners must see every value: JSON in a string hides them.
    if isinstance(function.get("arguments"), str):
        function["arguments"] = _json(function["arguments"] or "{}", "arguments")
    if "function" not in stated:
        return {"type": "function", "function": function}
    return {**{k: v for k, v in stated.items() if v is not None}, "function": function}


def _tool(tool: Any) -> dict[str, Any]:  # noqa: ANN401  # anything JSON can say
    stated = _object(tool, "a tool")
    if "function" in stated:
        return dict(stated)
    parameters = stated.get("parameters")
    # Some exports list the parameters themselves, without the schema around them.
    if isinstance(parameters, dict) and parameters and not {"type", "properties", "$ref", "anyOf"} & parameters.keys():
        stated = {**stated, "parameters": {"type": "object", "properties": parameters}}
    return {"type": "function", "function": {k: v for k, v in stated.items() if v is not None}}


def _object(value: Any, what: str) -> dict[str, Any]:  # noqa: ANN401  # anything JSON can say
    if not isinstance(value, dict):
        raise NotATurn(f"{what} is no object")
    return value

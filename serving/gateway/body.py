"""The request body: an allow-list of OpenAI fields, checked here because the engine's words may not reach a tenant.

Three kinds of field: FORWARDED after a check; DROPPED, which OpenAI's API has but which change no answer here; and
every other one, refused by name. So SGLang's own fields (`lora_path`, `lora_id`, `regex`, `custom_logit_processor`,
`input_ids`, `chat_template_kwargs`, `rid`, …) can not be reached, and those of its next release neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from serving.gateway.errors import Refusal, invalid, unsupported
from serving.gateway.snapshot import Target

Check = Callable[[Any], bool]
Json = dict[str, Any]

MAX_CHOICES: Final = 8
MAX_TOOLS: Final = 128
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_MESSAGE_FIELDS: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id"})
# What clients send back when they append an answer to the conversation; the template knows none of it.
_MESSAGE_ECHOES: Final = frozenset({"refusal", "annotations", "audio", "function_call", "reasoning_content"})


def _number(low: float, high: float) -> Check:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _stop(value: object) -> bool:
    several = value if isinstance(value, list) else [value]
    return len(several) <= 4 and all(isinstance(one, str) and one for one in several)


def _tools(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_TOOLS and all(map(_tool, value))


def _tool(tool: object) -> bool:
    """`{"type": "function", "function": {"name", "description"?, "parameters"?, "strict"?}}`"""
    if not isinstance(tool, dict) or tool.keys() != {"type", "function"} or tool["type"] != "function":
        return False
    function = tool["function"]
    return (
        isinstance(function, dict)
        and function.keys() <= {"name", "description", "parameters", "strict"}
        and isinstance(function.get("name"), str)
        and _TOOL_NAME.fullmatch(function["name"]) is not None
        and isinstance(function.get("parameters") or {}, dict)
    )


def _tool_choice(value: object) -> bool:
    if isinstance(value, dict):
        function = value.get("function")
        return value.keys() == {"type", "function"} and isinstance(function, dict) and function.keys() == {"name"}
    return value in ("none", "auto", "required")


def _response_format(value: object) -> bool:
    """OpenAI's three kinds; SGLang's `structural_tag` is not among them."""
    if not isinstance(value, dict):
        return False
    if value.get("type") == "json_schema":
        schema = value.get("json_schema")
        return value.keys() == {"type", "json_schema"} and isinstance(schema, dict) and "name" in schema
    return value.keys() == {"type"} and value["type"] in ("text", "json_object")


def _stream_options(value: object) -> bool:
    return isinstance(value, dict) and value.keys() <= {"include_usage"} and all(map(_flag, value.values()))


def _token_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _logit_bias(value: object) -> bool:
    bias = _number(-100, 100)
    return (
        isinstance(value, dict) and len(value) <= 300 and all(map(_token_id, value)) and all(map(bias, value.values()))
    )


FORWARDED: Final[Mapping[str, Check]] = {
    "messages": lambda value: isinstance(value, list) and bool(value),
    "model": lambda value: isinstance(value, str),
    "frequency_penalty": _number(-2, 2),
    "logit_bias": _logit_bias,
    "logprobs": _flag,
    "max_completion_tokens": _whole(1, 1 << 20),
    "max_tokens": _whole(1, 1 << 20),
    "n": _whole(1, MAX_CHOICES),
    "parallel_tool_calls": _flag,
    "presence_penalty": _number(-2, 2),
    "response_format": _response_format,
    "seed": _whole(-(1 << 63), (1 << 63) - 1),
    "stop": _stop,
    "stream": _flag,
    "stream_options": _stream_options,
    "temperature": _number(0, 2),
    "tool_choice": _tool_choice,
    "tools": _tools,
    "top_logprobs": _whole(0, 20),
    "top_p": _number(0, 1),
}
DROPPED: Final = frozenset(
    {
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
        "verbosity",
    }
)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked body: `fields` holds only what may be forwarded."""

    fields: Json
    user: str | None

    @property
    def model(self) -> str:
        """The tenant's name for the model."""
        return str(self.fields["model"])

    @property
    def stream(self) -> bool:
        """Whether the answer is to come as server-sent events."""
        return bool(self.fields.get("stream", False))

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage event at the end of a stream."""
        return bool(self.fields.get("stream_options", {}).get("include_usage", False))

    def encode(self, target: Target) -> bytes:
        """The body for the engine. The salt keeps prefix caches of tenants apart, also on the shared base.

        Raises Refusal `invalid_json`: orjson reads deeper nesting (1,024 levels) than it writes (254).
        """
        ours: Json = {"model": target.upstream_model, "cache_salt": target.tenant}
        if self.stream:
            ours["stream_options"] = {"include_usage": True}  # tokens are metered, asked for or not
        try:
            return orjson.dumps(self.fields | ours)
        except orjson.JSONEncodeError as error:
            raise Refusal(400, "invalid_json", "The body is nested too deeply.", "Send a flatter one.") from error


def parse(raw: bytes) -> ChatRequest:
    """Check a body. Encoding it again later leaves nothing that two JSON parsers could read differently.

    Raises Refusal: `invalid_json`, `invalid_value`, `unsupported_parameter`.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "invalid_json", "The body is not valid JSON.", "Send a JSON object in UTF-8.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json", "The body is not a JSON object.", "Send a JSON object.")
    fields: Json = {}
    for name, value in body.items():
        if name in FORWARDED:
            if value is not None:
                fields[name] = value
        elif name not in DROPPED:
            raise unsupported(name)
    for name in ("model", "messages"):
        if name not in fields:
            raise invalid(name, f"You must provide `{name}`.")
    for name, value in fields.items():
        if not FORWARDED[name](value):
            raise invalid(name, f"Invalid value for `{name}`.")
    _check_tool_choice(fields)
    fields["messages"] = [_message(index, message) for index, message in enumerate(fields["messages"])]
    user = body.get("user")
    return ChatRequest(fields, user if isinstance(user, str) else None)


def _check_tool_choice(fields: Json) -> None:
    """Raises Refusal `invalid_value`: a call can only be asked of a tool that is offered."""
    choice, offered = fields.get("tool_choice"), [tool["function"]["name"] for tool in fields.get("tools", ())]
    if isinstance(choice, dict) and choice["function"]["name"] not in offered:
        raise invalid("tool_choice", "`tool_choice` names a function that is not in `tools`.")
    if choice == "required" and not offered:
        raise invalid("tool_choice", "`tool_choice` needs `tools`.")


def _message(index: int, message: object) -> Json:
    where = f"messages[{index}]"
    if not isinstance(message, dict) or not isinstance(message.get("role"), str) or message["role"] not in _ROLES:
        raise invalid(where, f"`{where}` needs a `role` of {', '.join(sorted(_ROLES))}.")
    kept: Json = {}
    for name, value in message.items():
        if name in _MESSAGE_FIELDS:
            if value is not None or name == "content":
                kept[name] = value
        elif value is not None and name not in _MESSAGE_ECHOES:
            raise unsupported(f"{where}.{name}")
    content = kept.get("content")
    if not (content is None or isinstance(content, str) or _only_text(content)):
        # Other parts carry URLs, which the engine would fetch from inside the network.
        raise invalid(f"{where}.content", f"`{where}.content` must be text, or a list of text parts.")
    for name, fits in _MESSAGE_CHECKS.items():
        if name in kept and not fits(kept[name]):
            raise invalid(f"{where}.{name}", f"Invalid value for `{where}.{name}`.")
    return kept


def _text(value: object) -> bool:
    return isinstance(value, str)


def _calls(value: object) -> bool:
    """What an assistant called before; the chat template walks through it."""
    return isinstance(value, list) and len(value) <= MAX_TOOLS and all(map(_call, value))


def _call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict) and _text(function.get("name")) and isinstance(function.get("arguments"), str | dict)
    )


_MESSAGE_CHECKS: Final[Mapping[str, Check]] = {"name": _text, "tool_call_id": _text, "tool_calls": _calls}


def _only_text(content: object) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict)
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and isinstance(part["text"], str)
        for part in content
    )

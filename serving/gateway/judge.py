"""Signs, in an answer itself, that it is bad. No model judges here: each rule can be checked by hand.

    ERROR                the engine failed, or the adapter was not loaded
    EMPTY_ANSWER         neither text nor a call
    SPURIOUS_CALL        a call, or the raw text of one, though the request offered no tools or forbade calls
    MALFORMED_CALL       raw `<tool_call>` text though tools were offered: the engine could not parse the call
    UNKNOWN_TOOL         a call to a tool that was not offered
    INVALID_ARGUMENTS    arguments that are not a JSON object, or break the tool's parameter schema
    INVALID_JSON         text that is not JSON, or breaks the schema, though `response_format` asked for it
    REPEATED_ANSWER      the answer that other questions got as well (`repetition.py`: it takes more than one answer)

An answer is bad when any of its choices shows any sign. One that was cut at its length limit is not judged for what may
have been cut off: emptiness, malformed calls, arguments and JSON. What the client did wrong is never counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import jsonschema
import orjson
from jsonschema import Draft202012Validator
from jsonschema.validators import create

Sign = Literal[
    "ERROR",
    "EMPTY_ANSWER",
    "SPURIOUS_CALL",
    "MALFORMED_CALL",
    "UNKNOWN_TOOL",
    "INVALID_ARGUMENTS",
    "INVALID_JSON",
    "REPEATED_ANSWER",
]
RAW_CALL: Final = "<tool_call>"

# Schemas come from tenants and are applied in the gateway's own loop: only keywords whose cost is linear in the answer.
# `pattern` may backtrack for ever, `$ref` and the combinators blow up exponentially or reach for the network.
_LINEAR: Final = (
    "const",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "properties",
    "required",
    "type",
)


def _no_others(
    _validator: object, allowed: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    """`additionalProperties: false`; jsonschema's own would search with the tenant's `patternProperties`."""
    if allowed is False and isinstance(instance, dict) and "patternProperties" not in schema:
        for name in sorted(instance.keys() - schema.get("properties", {}).keys()):
            yield jsonschema.ValidationError(f"{name} is not a property")


_Validator: Final = create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={name: Draft202012Validator.VALIDATORS[name] for name in _LINEAR} | {"additionalProperties": _no_others},
    type_checker=Draft202012Validator.TYPE_CHECKER,
)


@dataclass(slots=True)
class Call:
    """One tool call as answered."""

    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Choice:
    """One choice as answered, whole or put together from a stream."""

    text: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    finish: str | None = None


def signs(request: Mapping[str, Any], choices: Mapping[int, Choice]) -> frozenset[Sign]:
    """Signs of badness in an answer; empty when there are none. No choice at all is an empty answer."""
    if not choices:
        return frozenset({"EMPTY_ANSWER"})
    tools = {tool["function"]["name"]: tool["function"] for tool in request.get("tools", ())}
    if request.get("tool_choice") == "none":
        tools = {}
    return frozenset(sign for choice in choices.values() for sign in _of_choice(request, tools, choice))


def _of_choice(request: Mapping[str, Any], tools: Mapping[str, Any], choice: Choice) -> Iterator[Sign]:
    whole = choice.finish != "length"
    raw = RAW_CALL in choice.text
    if not tools and (choice.calls or raw):
        yield "SPURIOUS_CALL"
        return
    if raw and whole:
        yield "MALFORMED_CALL"
    for call in choice.calls.values():
        if call.name not in tools:
            yield "UNKNOWN_TOOL"
        elif whole and not _is_valid(call.arguments, tools[call.name].get("parameters"), must_be_object=True):
            yield "INVALID_ARGUMENTS"
    if not choice.calls and whole:
        if not choice.text.strip():
            yield "EMPTY_ANSWER"
        elif not raw and not _keeps_format(choice.text, request.get("response_format")):
            yield "INVALID_JSON"


def _keeps_format(text: str, response_format: Mapping[str, Any] | None) -> bool:
    kind = response_format["type"] if response_format else "text"
    if response_format is None or kind == "text":
        return True
    schema = response_format["json_schema"].get("schema") if kind == "json_schema" else None
    return _is_valid(text, schema, must_be_object=kind == "json_object")


def _is_valid(text: str, schema: object, *, must_be_object: bool) -> bool:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    if must_be_object and not isinstance(value, dict):
        return False
    if not isinstance(schema, dict):
        return True
    try:
        return bool(_Validator(schema).is_valid(value))
    except Exception:  # a broken schema is the client's fault, not the answer's, whatever it makes the library raise
        return True

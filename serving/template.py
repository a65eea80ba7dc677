"""The chat template that training, evaluation and the engine share, and how it is rendered without transformers.

One file, `chat_template.jinja`, is used by all of them; its digest is recorded with every run and every report, and a
difference stops promotion. The environment below is the one `transformers.PreTrainedTokenizerBase.apply_chat_template`
builds (transformers 5.19, `utils/chat_template_utils.py`), so the text is the same byte for byte.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["TEMPLATE_PATH", "normalised", "render", "template_digest"]

TEMPLATE_PATH: Final = Path(__file__).with_name("chat_template.jinja")


def template_digest() -> str:
    """`sha256:<hex>` of the template file's bytes."""
    return "sha256:" + hashlib.sha256(TEMPLATE_PATH.read_bytes()).hexdigest()


def render(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None, add_generation_prompt: bool
) -> str:
    """Prompt text of a chat. `messages` and `tools` are in the OpenAI form.

    Raises jinja2.TemplateError for messages that the template cannot show (a role or a function name is missing).
    """
    return _compiled().render(
        messages=normalised(messages), tools=list(tools) if tools else None, add_generation_prompt=add_generation_prompt
    )


def normalised(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages as SGLang hands them to the template: absent content is empty, call arguments are data, not JSON text.

    Raises ValueError when the arguments of a call are text that is not JSON.
    """
    return [_normalised(message) for message in messages]


def _normalised(message: Mapping[str, Any]) -> dict[str, Any]:
    plain = {**message, "content": message.get("content") or ""}
    if calls := message.get("tool_calls"):
        plain["tool_calls"] = [_with_parsed_arguments(call) for call in calls]
    return plain


def _with_parsed_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    if isinstance(function["arguments"], str):
        function["arguments"] = json.loads(function["arguments"] or "{}")
    return {**call, "function": function}


@functools.cache
def _compiled() -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    return environment.from_string(TEMPLATE_PATH.read_text(encoding="utf-8"))


def _tojson(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

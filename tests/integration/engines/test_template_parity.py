"""The template without transformers is the template with transformers, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serving.template import TEMPLATE_PATH, normalised, render

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Books a <table> & more.",
        "parameters": {"type": "object", "properties": {"who": {"enum": ["Ann", "Zoë"]}}, "required": ["who"]},
    },
}
CHATS: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "Hi  \n there 😀"}],
    [{"role": "system", "content": "Brief."}, {"role": "user", "content": "<b>&amp;'\"</b>"}],
    [
        {"role": "user", "content": "Book"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "book", "arguments": '{"who": "Zoë"}'}}]},
        {"role": "tool", "content": "done"},
    ],
)


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("tools", [None, [TOOL]])
@pytest.mark.parametrize("prompt", [True, False])
def test_both_renderings_are_the_same_bytes(
    engine_base: Path, chat: list[dict[str, Any]], tools: list[dict[str, Any]] | None, prompt: bool
) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(engine_base)
    theirs = tokenizer.apply_chat_template(
        normalised(chat),
        tools=tools,
        chat_template=TEMPLATE_PATH.read_text(encoding="utf-8"),
        add_generation_prompt=prompt,
        tokenize=False,
    )
    assert render(chat, tools, add_generation_prompt=prompt) == theirs

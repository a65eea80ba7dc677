"""What the shared template writes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from serving.template import TEMPLATE_PATH, normalised, render, template_digest

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Its name."},
                "days": {"type": "array", "items": {"type": "integer"}},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
                "note": {"type": ["string", "null"]},
                "other": {},
            },
            "required": ["city"],
        },
    },
}
CALL = {"type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}}
USER = {"role": "user", "content": "Hi"}


def test_plain_chat_is_what_the_base_model_was_trained_on() -> None:
    assert render([USER], None, add_generation_prompt=True) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_system_message_replaces_the_default_one() -> None:
    text = render([{"role": "system", "content": "Be brief."}, USER], None, add_generation_prompt=False)
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"


def test_functions_are_one_line_each_and_one_a_parameter() -> None:
    text = render([{"role": "system", "content": "Be brief."}, USER], [WEATHER], add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nBe brief.\n\nFunctions:\n"
        "weather: Weather of a city.\n- city string: Its name.\n- days? integer[]\n"
        '- unit? "C"|"F"\n- place? {x number}\n- note? string|null\n- other? any\n'
        'If one fits, call it:\n<tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_calls_and_their_results_are_hermes_blocks() -> None:
    messages: list[dict[str, Any]] = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "7 C"},
    ]
    block = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
    assert render(messages, [WEATHER], add_generation_prompt=False).endswith(
        f"<|im_start|>assistant\n{block}\n{block}<|im_end|>\n"
        "<|im_start|>user\n<tool_response>\n7 C\n</tool_response><|im_end|>\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"role": "assistant", "content": "Yes."},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]},
    ],
)
@pytest.mark.parametrize("tools", [None, [WEATHER]])
def test_a_prompt_is_the_beginning_of_its_full_text(answer: dict[str, Any], tools: list[dict[str, Any]] | None) -> None:
    prompt = render([USER], tools, add_generation_prompt=True)
    whole = render([USER, answer], tools, add_generation_prompt=False)
    assert whole.startswith(prompt)
    assert whole.endswith("<|im_end|>\n")


def test_what_the_engine_adds_to_a_tool_does_not_show() -> None:
    dumped = json.loads(json.dumps(WEATHER))
    dumped["function"] |= {"strict": False, "defer_loading": None}
    assert render([USER], [dumped], add_generation_prompt=True) == render([USER], [WEATHER], add_generation_prompt=True)


def test_arguments_that_are_not_json_are_refused() -> None:
    broken = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": "{city"}}]}
    with pytest.raises(ValueError, match="property name"):
        normalised([broken])


def test_the_file_survives_the_engines_way_of_reading_it() -> None:
    # SGLang strips newlines at both ends and turns the two characters \n into a newline.
    text = TEMPLATE_PATH.read_text(encoding="utf-8")
    assert "\\n" not in text
    assert text.strip("\n") + "\n" == text


def test_the_digest_is_of_the_bytes() -> None:
    assert template_digest() == "sha256:" + hashlib.sha256(TEMPLATE_PATH.read_bytes()).hexdigest()

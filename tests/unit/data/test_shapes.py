"""Rows as the world writes them become this house's own, or are refused with what is wrong; nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from activities.data.readers import read_rows, source_digest
from activities.data.rows import Row
from assay.contracts.data import RowMapping, Source
from assay.contracts.errors import InputRefused

MakeSource = Callable[..., Source]

ASKED = {"role": "user", "content": "Is it raining in Oslo?"}
SAID = {"role": "assistant", "content": "It is."}
FUNCTION = {"name": "weather", "arguments": {"city": "Oslo"}}
IN_A_STRING = {"name": "weather", "arguments": '{"city": "Oslo"}'}
CALLED = {"role": "assistant", "tool_calls": [{"type": "function", "function": FUNCTION}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
RULES = {"role": "system", "content": "Be brief."}

BECOMES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chat": ({"messages": [ASKED, SAID]}, {"kind": "replay", "messages": [ASKED, SAID]}),
    "chat with arguments in a string": (
        {"messages": [ASKED, {"role": "assistant", "tool_calls": [{"function": IN_A_STRING}]}]},
        {"kind": "call", "messages": [ASKED, CALLED]},
    ),
    "chat with an older call and functions": (
        {
            "messages": [
                ASKED,
                {"role": "assistant", "content": None, "function_call": IN_A_STRING},
                {"role": "function", "name": "weather", "content": "rain"},
                SAID,
            ],
            "functions": [{"name": "weather", "description": None, "parameters": PARAMETERS}],
        },
        {
            "kind": "replay",
            "messages": [ASKED, CALLED, {"role": "tool", "name": "weather", "content": "rain"}, SAID],
            "tools": [TOOL],
        },
    ),
    "chat with parts and a developer": (
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Is it raining"},
                        {"type": "text", "text": "in Oslo?"},
                    ],
                },
                SAID | {"tool_calls": []},
            ]
        },
        {"kind": "replay", "messages": [RULES, {"role": "user", "content": "Is it raining\nin Oslo?"}, SAID]},
    ),
    "chat whose system stands beside it": (
        {"system": "Be brief.", "messages": [ASKED, SAID], "id": "", "subject": ""},
        {"kind": "replay", "messages": [RULES, ASKED, SAID]},
    ),
    "sharegpt": (
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": ASKED["content"]},
                {"from": "function_call", "value": '{"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}'},
                {"from": "observation", "value": "rain"},
                {"from": "gpt", "value": "It is.", "weight": 1},
            ],
            "tools": '[{"name": "weather", "parameters": {"city": {"type": "string"}}}]',
        },
        {
            "kind": "replay",
            "messages": [RULES, ASKED, CALLED, {"role": "tool", "content": "rain"}, SAID],
            "tools": [TOOL],
        },
    ),
    "sharegpt that ends with calls": (
        {
            "conversations": [
                {"from": "user", "value": ASKED["content"]},
                {"from": "function_call", "value": [FUNCTION]},
            ]
        },
        {"kind": "call", "messages": [ASKED, CALLED]},
    ),
    "tool-call": (
        {"id": 3, "query": ASKED["content"], "tools": [TOOL["function"]], "answers": [FUNCTION]},
        {"id": "3", "kind": "call", "messages": [ASKED, CALLED], "tools": [TOOL]},
    ),
    "instruction": (
        {"instruction": "Is it raining", "input": "in Oslo?", "output": "It is."},
        {"kind": "replay", "messages": [{"role": "user", "content": "Is it raining\n\nin Oslo?"}, SAID]},
    ),
    "preference with text": (
        {"prompt": ASKED["content"], "chosen": "It is.", "rejected": "Who knows."},
        {"kind": "preference", "messages": [ASKED, SAID], "rejected": [{"role": "assistant", "content": "Who knows."}]},
    ),
    "preference with the prompt in both": (
        {"chosen": [ASKED, SAID], "rejected": [ASKED, {"role": "assistant", "content": "Who knows."}]},
        {"kind": "preference", "messages": [ASKED, SAID], "rejected": [{"role": "assistant", "content": "Who knows."}]},
    ),
    "preference with the prompt everywhere": (
        {"prompt": [ASKED], "chosen": [ASKED, SAID], "rejected": [ASKED, CALLED]},
        {"kind": "preference", "messages": [ASKED, SAID], "rejected": [CALLED]},
    ),
    "preference of sharegpt turns": (
        {
            "prompt": [{"from": "human", "value": ASKED["content"]}],
            "chosen": {"role": "assistant", "content": "It is."},
            "rejected": [{"from": "gpt", "value": "Who knows."}],
        },
        {"kind": "preference", "messages": [ASKED, SAID], "rejected": [{"role": "assistant", "content": "Who knows."}]},
    ),
}


def read(source: Source) -> list[Row]:
    return [each.row for each in read_rows(source, source_digest(source))]


@pytest.mark.parametrize(("columns", "fields"), BECOMES.values(), ids=BECOMES.keys())
def test_a_row_of_a_known_shape_becomes_one_of_ours(
    source: MakeSource, columns: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert read(source([columns])) == [Row.model_validate({"id": "1"} | fields)]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no turn": ({"messages": []}, "ROW_MALFORMED", "messages"),
    "no turn of anybody": ({"conversations": []}, "ROW_MALFORMED", "messages"),
    "no answer": ({"conversations": [{"from": "human", "value": "x"}] * 2}, "ROW_MALFORMED", "assistant"),
    "nobody of that name": ({"conversations": [{"from": "narrator", "value": "x"}] * 2}, "ROW_MALFORMED", "nobody"),
    "a turn that says more": (
        {"conversations": [{"from": "human", "value": "x", "likes": 3}, {"from": "gpt", "value": "y"}]},
        "ROW_MALFORMED",
        "more than",
    ),
    "a turn that is text": ({"messages": ["hello", "you"]}, "ROW_MALFORMED", "no object"),
    "a picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, SAID]},
        "ROW_MALFORMED",
        "no text",
    ),
    "arguments that are no JSON": (
        {"messages": [ASKED, {"role": "assistant", "tool_calls": [{"function": FUNCTION | {"arguments": "{city"}}]}]},
        "ROW_MALFORMED",
        "arguments",
    ),
    "answers that are no list": ({"query": "x", "tools": [], "answers": 3}, "ROW_MALFORMED", "no list"),
    "no choice": ({"chosen": [ASKED, SAID], "rejected": [ASKED, SAID]}, "ROW_MALFORMED", "do not differ"),
    "a column nobody named": ({"messages": [ASKED, SAID], "likes": 3}, "ROW_FIELD_UNKNOWN", "likes"),
    "an answer that is empty": ({"instruction": "x", "output": ""}, "ROW_MALFORMED", "must end with text"),
    "an answer that is not there": ({"instruction": "x", "output": None}, "ROW_MALFORMED", "missing"),
}


@pytest.mark.parametrize(("columns", "code", "said"), BAD.values(), ids=BAD.keys())
def test_a_row_that_does_not_keep_its_shape_is_refused(
    source: MakeSource, columns: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        read(source([columns]))
    assert (refused.value.code, said in refused.value.message) == (code, True), refused.value.message


def test_a_contract_can_say_the_shape_and_the_kind_and_rename_columns(source: MakeSource) -> None:
    mapping = RowMapping(
        shape="instruction",
        kind="refusal",
        columns={"instruction": "frage", "output": "antwort"},
        meta=("likes",),
        ignored=("embedding",),
    )
    columns = {"frage": "Give me her address.", "antwort": "I must not.", "likes": 3, "embedding": [0.5]}
    (row,) = read(source([columns], mapping=mapping))
    assert (row.kind, row.messages[0].content, row.meta) == ("refusal", "Give me her address.", {"likes": "3"})


def test_a_column_that_two_names_mean_is_refused(source: MakeSource) -> None:
    mapping = RowMapping(columns={"output": "answer"})
    with pytest.raises(InputRefused) as refused:
        read(source([{"instruction": "x", "output": "y", "answer": "z"}], mapping=mapping))
    assert refused.value.code == "ROW_FIELD_UNKNOWN"

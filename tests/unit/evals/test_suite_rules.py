"""A suite that could not be judged by, or that would choose on what it reports on, is refused when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from assay.contracts.errors import InputRefused
from assay.contracts.evaluation import Split
from evals.run import answer_all, rates
from evals.selection import BALANCED
from evals.suite import SuiteRow, Task, read_suite


def tool(**parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", **parameters}}}


def row(task: Task, split: Split, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": f"{task}-{split}",
        "task": task,
        "split": split,
        "messages": [{"role": "user", "content": f"A question of {task} in {split}?"}],
    }
    if task == "chat":
        fields["contains"] = ["x"]
    else:
        fields["tools"] = [tool(properties={"city": {"type": "string"}})]
    if task == "call":
        fields["expected"] = [{"name": "weather", "arguments": {"city": ["Ulm"]}}]
    return fields | changes


def whole(**changes: Any) -> list[dict[str, Any]]:
    """A row of each task in each split; the first, a call, is changed."""
    rows = [row(task, split) for split in get_args(Split) for task in get_args(Task)]
    return [rows[0] | changes, *rows[1:]]


def read(rows: list[dict[str, Any]]) -> tuple[SuiteRow, ...]:
    return read_suite("\n".join(map(json.dumps, rows)).encode())


def refused(rows: list[dict[str, Any]]) -> str:
    with pytest.raises(InputRefused) as refusal:
        read(rows)
    assert refusal.value.code == "SUITE_MALFORMED"
    return refusal.value.message


def test_a_row_of_each_task_in_each_split_is_enough() -> None:
    assert len(read(whole())) == 6


@pytest.mark.parametrize("split", get_args(Split))
@pytest.mark.parametrize("task", get_args(Task))
def test_a_split_that_lacks_a_task_is_named(task: Task, split: Split) -> None:
    rest = [one for one in whole() if (one["task"], one["split"]) != (task, split)]
    assert refused(rest).endswith(f": no {task} row in {split}")


def test_all_that_is_missing_is_named_at_once() -> None:
    message = refused([row("call", "select"), row("chat", "report")])
    missing = ("irrelevance row in select", "chat row in select", "call row in report", "irrelevance row in report")
    assert message.endswith(": " + ", ".join(f"no {one}" for one in missing))


@pytest.mark.parametrize("split", get_args(Split))
async def test_whatever_is_read_can_be_chosen_by(split: Split) -> None:
    async def generate(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"choices": [{"message": {"content": ""}}]}

    rows = [one for one in read(whole()) if one.split == split]
    samples = await answer_all(rows, generate, schema_decoding=False, progress=lambda _: None)
    assert set(BALANCED) <= {rate.name for rate in rates(samples)}


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ([tool(properties={"city": {"type": "text"}})], "no JSON Schema"),
        ([tool(properties=[])], "no JSON Schema"),
        ([tool(properties={"city": {"pattern": "("}})], "no JSON Schema"),
        ([tool(properties={"city": {"$ref": "#/$defs/city"}})], "leads nowhere"),
        ([tool(properties={"city": {"items": [{"$ref": "https://example.org/city.json"}]}})], "no JSON Schema"),
        ([tool(properties={"city": {"$ref": "https://example.org/city.json"}})], "leads nowhere"),
        ([tool(properties={"city": {"$ref": "#/properties/city"}})], "leads back to itself"),
        ([{"type": "function", "function": {"name": "weather", "parameters": [1]}}], "not an object"),
        ([{"type": "function", "function": {"name": 7}}], "not a function with a name"),
        ([{"type": "function"}], "not a function with a name"),
        ([tool(), tool()], "two tools have one name"),
        ([{"type": "function", "function": {"name": "forecast"}}], "a tool that is not offered"),
    ],
)
def test_tools_that_cannot_be_judged_by_are_refused(tools: list[dict[str, Any]], why: str) -> None:
    message = refused(whole(tools=tools))
    assert "line 1: " in message
    assert why in message


def test_references_within_a_schema_are_followed() -> None:
    defined = {"$defs": {"city": {"type": "string"}}, "properties": {"city": {"$ref": "#/$defs/city"}}}
    assert read(whole(tools=[tool(**defined)]))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 400, '"\\ud800"'])
def test_what_strict_json_does_not_know_is_refused_with_its_line(number: str) -> None:
    text = "\n".join(map(json.dumps, whole())).replace('["Ulm"]', f"[{number}]", 1)
    with pytest.raises(InputRefused, match=r"SUITE_MALFORMED.*line 1"):
        read_suite(text.encode())


def test_a_question_in_both_splits_is_refused() -> None:
    again = row("call", "report", id="again", messages=row("call", "select")["messages"])
    assert refused([*whole(), again]).endswith("line 7: this question stands in the other split, too")


def test_the_same_words_with_other_tools_are_another_question() -> None:
    tools = [tool(properties={"city": {"type": "string"}, "days": {"type": "integer"}})]
    messages = row("call", "select")["messages"]
    assert read([*whole(), row("call", "report", id="again", messages=messages, tools=tools)])


def test_an_id_stands_once() -> None:
    again = row("chat", "select", messages=[{"role": "user", "content": "Another?"}])
    assert refused([*whole(), again]).endswith("line 7: the id of line 3")


@pytest.mark.parametrize(("name", "said"), [("wieght", "wieght"), ("+49 170 1234567", "(unnamed)")])
def test_an_unknown_field_is_named_where_its_name_is_a_word(name: str, said: str) -> None:
    assert refused(whole(**{name: 1})).endswith(f"line 1: {said}")

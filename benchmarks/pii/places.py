"""Where a text stands in a row: a conversation, the arguments of a tool call, metadata, an instruction, a long row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from benchmarks.pii.numbers import Chance
from benchmarks.pii.prose import paragraphs
from benchmarks.pii.sample import Path
from benchmarks.pii.values import words

Placed = tuple[dict[str, JsonValue], Path, int]
"""The row, where the text stands in it, and at which character it begins."""
_TOOLS: Final = ("create_ticket", "update_record", "schedule_visit", "send_notice")


def chat(text: str, language: str, chance: Chance) -> Placed:
    """A question and its answer."""
    reply = chance.choice(words(language)["replies"])
    messages: list[JsonValue] = [{"role": "user", "content": text}, {"role": "assistant", "content": reply}]
    if chance.random() < 0.3:
        messages.insert(0, {"role": "system", "content": "You are a helpful assistant."})
        return {"messages": messages}, ("messages", 1, "content"), 0
    return {"messages": messages}, ("messages", 0, "content"), 0


def instruction(text: str, language: str, chance: Chance) -> Placed:
    """An instruction row; the text is its input or its output."""
    where = chance.choice(("input", "output"))
    other = "output" if where == "input" else "input"
    row: dict[str, JsonValue] = {"instruction": "Answer the customer.", where: text}
    row[other] = chance.choice(words(language)["replies"])
    return row, (where,), 0


def preference(text: str, language: str, chance: Chance) -> Placed:
    """A preference row; the text is the prompt."""
    chosen, rejected = chance.sample(words(language)["replies"], 2)
    return {"prompt": text, "chosen": chosen, "rejected": rejected}, ("prompt",), 0


def arguments(text: str, key: str, chance: Chance) -> Placed:
    """Arguments of a tool call, as an object."""
    call: JsonValue = {"name": chance.choice(_TOOLS), "arguments": {"priority": chance.randint(1, 3), key: text}}
    messages: JsonValue = [{"role": "user", "content": "Go ahead."}, {"role": "assistant", "tool_calls": [call]}]
    return {"messages": messages}, ("messages", 1, "tool_calls", 0, "arguments", key), 0


def serialised(text: str, key: str, chance: Chance) -> Placed:
    """The same as a string of JSON, which is how they go over the wire."""
    inner = json.dumps({"priority": chance.randint(1, 3), key: text}, ensure_ascii=False)
    begins = inner.index(json.dumps(text, ensure_ascii=False)) + 1
    call: JsonValue = {"type": "function", "function": {"name": chance.choice(_TOOLS), "arguments": inner}}
    row: dict[str, JsonValue] = {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    return row, ("messages", 0, "tool_calls", 0, "function", "arguments"), begins


def metadata(text: str, key: str, chance: Chance) -> Placed:
    """A field beside the conversation, some levels deep."""
    deep: JsonValue = {"channel": chance.choice(("web", "phone", "shop")), "record": {"active": True, key: text}}
    row: dict[str, JsonValue] = {"prompt": "Close the ticket.", "completion": "Closed.", "metadata": deep}
    return row, ("metadata", "record", key), 0


def long(text: str, _language: str, chance: Chance) -> Placed:
    """Two to six thousand characters, most of them documentation."""
    around = [chance.choice(paragraphs()) for _ in range(chance.randint(8, 18))]
    before = "\n\n".join(around[: len(around) // 2]) + "\n\n"
    return {"text": f"{before}{text}\n\n" + "\n\n".join(around[len(around) // 2 :])}, ("text",), len(before)


TEXTS: Final[Mapping[str, Callable[[str, str, Chance], Placed]]] = {
    "chat": chat,
    "instruction": instruction,
    "preference": preference,
    "long": long,
}
FIELDS: Final[Mapping[str, Callable[[str, str, Chance], Placed]]] = {
    "arguments": arguments,
    "serialised": serialised,
    "metadata": metadata,
}


def drawn(places: Sequence[str], weights: Sequence[int], chance: Chance) -> str:
    """A place by weight."""
    return chance.choices(places, weights)[0]

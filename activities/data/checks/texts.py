"""What a check reads of a row: its turns, and everything that anybody could hide words in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from activities.data.text import normalised, strings

PlainRow = Mapping[str, Any]
"""A row as plain data: `kind`, `messages`, and where there are any `tools` and `meta`."""

WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Turn:
    """One message: `spoken` is its content; `text` has the names and strings of its calls besides."""

    role: str
    text: str
    spoken: str


@dataclass(frozen=True)
class RowTexts:
    """`turns` in order; `everything` is every string of the row, a line each, as it was written; `clean` the same in
    NFKC without invisible characters."""

    turns: Sequence[Turn]
    everything: str
    clean: str

    @property
    def said(self) -> str:
        """The turns in one text."""
        return "\n".join(turn.text for turn in self.turns)

    @property
    def spoken(self) -> str:
        """The turns of people and of the assistant in one text, without the names and values of calls."""
        return "\n".join(turn.spoken for turn in self.turns if turn.role in ("user", "assistant") and turn.spoken)


def texts_of(row: PlainRow) -> RowTexts:
    """The texts of one row."""
    turns = [Turn(message["role"], _said(message), message.get("content") or "") for message in row["messages"]]
    others = [text for name in ("tools", "meta") for _, text in strings(row.get(name))]
    everything = "\n".join([*(turn.text for turn in turns), *others])
    return RowTexts(turns, everything, normalised(everything))


def words(text: str) -> list[str]:
    """Lower-case words and numbers, without what stands between them."""
    return WORD.findall(text.casefold())


def _said(message: Mapping[str, Any]) -> str:
    parts = [message.get("content") or ""]
    for call in message.get("tool_calls") or ():
        parts += [call["function"]["name"], *(text for _, text in strings(call["function"]["arguments"]))]
    return "\n".join(part for part in parts if part)

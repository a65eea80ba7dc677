"""What a row may look like, and what it is called.

A row's id is the digest of what can be learnt from it (kind, messages, tools, rejected answer) and of its source. Its
terms and its name in the source system are left out: the same text twice is the same row.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from assay.contracts.base import canonical_digest
from assay.contracts.data import Consent, Purpose, RowKind


class _Part(BaseModel):
    """Unknown fields are refused, and nothing is converted: what was stored is what was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FunctionCall(_Part):
    """`arguments` is an object, not JSON in a string: scanners must see every value in it."""

    name: str = Field(min_length=1)
    arguments: dict[str, JsonValue]


class ToolCall(_Part):
    """One call of an assistant."""

    id: str | None = None
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatMessage(_Part):
    """One turn, in the form of the OpenAI chat API."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def says_text(self) -> bool:
        """Whether it is text and no call."""
        return not self.tool_calls and bool((self.content or "").strip())


class Function(_Part):
    """A function that may be called; `parameters` is a JSON schema."""

    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    strict: bool | None = None


class Tool(_Part):
    """A tool that is offered."""

    type: Literal["function"] = "function"
    function: Function


class Row(_Part):
    """One training row. Terms that a row states itself narrow those of its source."""

    id: str = Field(min_length=1, max_length=256)
    kind: RowKind
    messages: list[ChatMessage] = Field(min_length=2)
    tools: list[Tool] = Field(default_factory=list)
    licence: str | None = None
    consent: Consent | None = None
    purposes: list[Purpose] | None = None
    subject: str | None = None
    meta: dict[str, str] = Field(default_factory=dict)
    rejected: list[ChatMessage] | None = Field(default=None, min_length=1)
    """Of a preference: what raters liked less than the end of `messages`."""

    @model_validator(mode="after")
    def _answered(self) -> Row:
        _refuse_no_answer(self.messages[-1])
        if self.kind == "preference":
            self._refuse_no_choice()
        elif self.rejected is not None:
            raise ValueError("only a row of kind 'preference' has a rejected answer")
        elif self.kind == "call" and not self.messages[-1].tool_calls:
            raise ValueError("a row of kind 'call' must end with a tool call")
        elif self.kind != "call" and not self.messages[-1].says_text:
            raise ValueError(f"a row of kind {self.kind!r} must end with text and no tool call")
        return self

    def _refuse_no_choice(self) -> None:
        if not self.rejected:
            raise ValueError("a row of kind 'preference' must have a rejected answer")
        _refuse_no_answer(self.rejected[-1])
        if any(not (m.says_text or m.tool_calls) for m in (self.messages[-1], self.rejected[-1])):
            raise ValueError("both answers of a preference must say or call something")
        if self.rejected == self.messages[-len(self.rejected) :]:
            raise ValueError("the rejected answer is the chosen one")

    def learnt(self) -> dict[str, Any]:
        """What a model can learn from the row, as plain data."""
        return self.model_dump(mode="json", include={"kind", "messages", "tools", "rejected"}, exclude_none=True)


def _refuse_no_answer(message: ChatMessage) -> None:
    if message.role != "assistant":
        raise ValueError("the last message must be the assistant's answer")


def row_id(row: Row, source: str) -> str:
    """`sha256:<hex>` of what can be learnt and of the source's name.

    Raises ValueError for values that have no canonical JSON (RFC 8785): lone surrogates, integers beyond 2^53.
    """
    return canonical_digest({"source": source, **row.learnt()})

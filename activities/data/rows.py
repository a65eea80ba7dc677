"""What a row may look like, and what it is called.

A row's id is the digest of what can be learnt from it (kind, messages, tools) and of its source. Its terms and its name
in the source system are left out: the same text twice is the same row.
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

    @model_validator(mode="after")
    def _answered(self) -> Row:
        answer = self.messages[-1]
        if answer.role != "assistant":
            raise ValueError("the last message must be the assistant's answer")
        if self.kind == "call" and not answer.tool_calls:
            raise ValueError("a row of kind 'call' must end with a tool call")
        if self.kind != "call" and (answer.tool_calls or not (answer.content or "").strip()):
            raise ValueError(f"a row of kind {self.kind!r} must end with text and no tool call")
        return self

    def learnt(self) -> dict[str, Any]:
        """What a model can learn from the row, as plain data."""
        return self.model_dump(mode="json", include={"kind", "messages", "tools"}, exclude_none=True)


def row_id(row: Row, source: str) -> str:
    """`sha256:<hex>` of what can be learnt and of the source's name.

    Raises ValueError for values that have no canonical JSON (RFC 8785): lone surrogates, integers beyond 2^53.
    """
    return canonical_digest({"source": source, **row.learnt()})

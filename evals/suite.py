"""Evaluation suites: JSONL, one row a line."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError

from assay.contracts.base import Message
from assay.contracts.errors import InputRefused
from assay.contracts.evaluation import Split

Task = Literal["call", "irrelevance", "chat"]


class ExpectedCall(Message):
    """A call that counts as right: for each argument the values that are accepted; "" among them means optional."""

    name: str
    arguments: dict[str, list[Any]]


class SuiteRow(Message):
    """One question.

    call         tools are offered and one fits: `expected` says which calls are right
    irrelevance  tools are offered and none fits: the right answer is a sentence
    chat         no tools: the answer must contain one of `contains`, in any case
    """

    id: str
    task: Task
    split: Split
    messages: list[dict[str, Any]] = Field(min_length=1)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    expected: list[ExpectedCall] | None = None
    contains: list[str] | None = None


def read_suite(data: bytes) -> tuple[SuiteRow, ...]:
    """Parse a suite. Raises InputRefused (`SUITE_MALFORMED`) with the line number and the fields that are wrong."""
    rows = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            row = SuiteRow.model_validate_json(line)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, one["loc"])) or one["msg"] for one in error.errors())
            raise _malformed(f"line {number}: {fields}") from None
        _check_complete(row, number)
        rows.append(row)
    if not rows:
        raise _malformed("it is empty")
    return tuple(rows)


def _check_complete(row: SuiteRow, number: int) -> None:
    if row.task == "call" and not (row.tools and row.expected):
        raise _malformed(f"line {number}: a call row needs tools and expected")
    if row.task == "irrelevance" and not row.tools:
        raise _malformed(f"line {number}: an irrelevance row needs tools")
    if row.task == "chat" and not row.contains:
        raise _malformed(f"line {number}: a chat row needs contains")


def _malformed(why: str) -> InputRefused:
    return InputRefused("SUITE_MALFORMED", f"the evaluation suite is malformed: {why}", "mend the line")

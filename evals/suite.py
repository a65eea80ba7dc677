"""Evaluation suites: JSONL, one row a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import jsonschema
import orjson
import referencing.exceptions
from pydantic import Field, ValidationError
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from assay.contracts.base import Message
from assay.contracts.errors import InputRefused, where
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


def parameters(function: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a function's arguments; a function that names none takes none."""
    schema: dict[str, Any] = function.get("parameters") or {"type": "object"}
    return schema


def read_suite(data: bytes) -> tuple[SuiteRow, ...]:
    """Parse a suite.

    Raises InputRefused (`SUITE_MALFORMED`) with the line number and the fields that are wrong, or the rows it lacks.
    """
    rows = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            orjson.loads(line)  # pydantic's reader lets NaN and a number of 400 digits pass
            row = SuiteRow.model_validate_json(line)
        except ValidationError as error:
            fields = ", ".join(where(one["loc"]) or one["msg"] for one in error.errors())
            raise _malformed(f"line {number}: {fields}") from None
        except orjson.JSONDecodeError as error:
            raise _malformed(f"line {number}: {error.msg}") from None
        if problem := _tools_problem(row) or _task_problem(row):
            raise _malformed(f"line {number}: {problem}")
        rows.append(row)
    if not rows:
        raise _malformed("it is empty")
    _check_apart(rows)
    _check_complete(rows)
    return tuple(rows)


def _tools_problem(row: SuiteRow) -> str | None:
    """A schema that cannot be judged by would end an evaluation hours later."""
    names = []
    for number, tool in enumerate(row.tools):
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return f"tools.{number} is not a function with a name"
        if problem := _schema_problem(function.get("parameters") or {}):
            return f"tools.{number} has parameters that are no JSON Schema: {problem}"
        names.append(function["name"])
    return "two tools have one name" if len(set(names)) < len(names) else None


def _schema_problem(schema: object) -> str | None:
    """Only references within the schema are followed: a suite does not send its reader to the network."""
    if not isinstance(schema, dict):
        return "not an object"
    resolver = EMPTY_REGISTRY.with_resource("", DRAFT202012.create_resource(schema)).resolver()
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        for reference in _references(schema):
            if _loops(resolver.lookup, reference):
                return f"{reference} leads back to itself"
    except jsonschema.SchemaError as error:
        return error.message
    except referencing.exceptions.Unresolvable as error:
        return f"{error.ref} leads nowhere within it"
    return None


def _loops(lookup: Callable[[str], Any], reference: str | None) -> bool:
    """Whether following it never ends. Raises what `lookup` raises."""
    seen = set()
    while reference is not None:
        if reference in seen:
            return True
        seen.add(reference)
        found = lookup(reference).contents
        reference = found.get("$ref") if isinstance(found, dict) else None
    return False


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _task_problem(row: SuiteRow) -> str | None:
    offered = {tool["function"]["name"] for tool in row.tools}
    if row.task == "chat":
        if row.tools or not row.contains:
            return "a chat row needs contains, and no tools"
        return None if all(word.strip() for word in row.contains) else "an empty word stands in every answer"
    if row.task == "irrelevance":
        return None if row.tools else "an irrelevance row needs tools"
    if not row.tools or not row.expected:
        return "a call row needs tools and expected"
    return None if {one.name for one in row.expected} <= offered else "expected names a tool that is not offered"


def _check_apart(rows: list[SuiteRow]) -> None:
    """What was chosen on must not be reported on; and answers of two arms are paired by id."""
    lines: dict[str, int] = {}
    splits: dict[str, Split] = {}
    for number, row in enumerate(rows, start=1):
        if (first := lines.setdefault(row.id, number)) != number:
            raise _malformed(f"line {number}: the id of line {first}")
        question = json.dumps([row.messages, row.tools], sort_keys=True)
        if splits.setdefault(question, row.split) != row.split:
            raise _malformed(f"line {number}: this question stands in the other split, too")


def _check_complete(rows: list[SuiteRow]) -> None:
    """The choice weighs all tasks, and so does the gate: each split must measure each of them."""
    there = {(row.split, row.task) for row in rows}
    wanted = [(split, task) for split in get_args(Split) for task in get_args(Task)]
    if missing := [f"no {task} row in {split}" for split, task in wanted if (split, task) not in there]:
        raise _malformed(", ".join(missing), "give each split rows of each task")


def _malformed(why: str, remedy: str = "mend the line") -> InputRefused:
    return InputRefused("SUITE_MALFORMED", f"the evaluation suite is malformed: {why}", remedy)

"""Shapes that training data comes in, and how each becomes a row.

    row           this house's own: kind, messages, tools
    chat          messages in the form of the OpenAI API, arguments as JSON text or objects
    sharegpt      conversations of {from, value}
    tool-call     query, tools, answers
    preference    chosen and rejected, with a prompt or with one in common
    instruction   instruction, input, output

A shape is recognised by its columns. A column that no shape and no mapping knows is refused: what is dropped in silence
is not scanned, and what is kept in silence is not expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from activities.data import turns
from activities.data.readers.place import Place
from activities.data.rows import Row
from activities.data.strict_json import from_json
from assay.contracts.data import RowMapping, Shape, Source
from assay.contracts.errors import where

Columns = dict[str, Any]

KNOWN_BY: Final[tuple[tuple[Shape, frozenset[str]], ...]] = (
    ("row", frozenset({"messages", "kind"})),
    ("chat", frozenset({"messages"})),
    ("sharegpt", frozenset({"conversations"})),
    ("preference", frozenset({"chosen", "rejected"})),
    ("tool-call", frozenset({"query", "tools", "answers"})),
    ("instruction", frozenset({"instruction", "output"})),
)
_TRUTH: Final = {"true": "granted", "1": "granted", "false": "withdrawn", "0": "withdrawn"}
MAY_BE_EMPTY: Final = ("id", "licence", "subject", "system", "input", "purposes", "tools")
"""Columns of tables that have a cell for every row: an empty one says nothing."""


def row_from(value: object, source: Source, place: Place) -> Row:
    """The row that one record is.

    Raises InputRefused (`ROW_FIELD_UNKNOWN`, `ROW_MALFORMED`, `COLUMN_MALFORMED`).
    """
    if not isinstance(value, dict):
        return _validated(value, place)
    columns = _renamed(value, source.mapping, place)
    shape = source.mapping.shape or recognised(columns)
    if source.consent_field is not None:
        columns["consent"] = _consent(columns.pop(source.consent_field, None))
    if shape == "row":
        return _validated(columns, place)
    try:
        fields = SHAPES[shape](_filled(columns))
    except (turns.NotATurn, KeyError, TypeError, AttributeError) as error:
        said = (
            str(error) if isinstance(error, turns.NotATurn) else "a column of its shape is missing or of another form"
        )
        raise place.refused("ROW_MALFORMED", said, f"see docs/sources.md for the columns of shape {shape}") from None
    # Public datasets number their rows.
    fields["id"] = str(fields["id"]) if type(fields.get("id")) is int else fields.get("id", str(place.line))
    fields.setdefault("kind", source.mapping.kind or _kind(fields))
    return _validated(fields, place)


def recognised(columns: Mapping[str, Any]) -> Shape:
    """The first shape whose columns are all there; this house's own when none is."""
    return next((shape for shape, known in KNOWN_BY if known <= columns.keys()), "row")


def _renamed(value: Mapping[str, Any], mapping: RowMapping, place: Place) -> Columns:
    """Columns under the names that their shape has for them; those for `meta` gathered there, as text."""
    left = {name: inner for name, inner in value.items() if name not in mapping.ignored}
    for name in mapping.json_columns:
        if isinstance(left.get(name), str):
            left[name] = _from_json(left[name], place)
    columns = {field: left.pop(column) for field, column in mapping.columns.items() if column in left}
    kept = {name: _text(left.pop(name)) for name in mapping.meta if left.get(name) is not None}
    if kept:
        left["meta"] = {**left.get("meta", {}), **kept}
    if twice := columns.keys() & left.keys():
        names = ", ".join(sorted(where([name]) for name in twice))
        raise place.refused("ROW_FIELD_UNKNOWN", f"{names} is a column, and another is mapped to it", "ignore one")
    return {**left, **columns}


def _from_json(text: str, place: Place) -> object:
    try:
        return from_json(text)
    except ValueError as error:
        raise place.refused(
            "COLUMN_MALFORMED", f"a column that the mapping calls JSON: {error}", "export the column as JSON"
        ) from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _consent(stated: object) -> object:
    """Fails closed: an empty consent is unknown consent. What is no state of consent is left for the row to refuse.

    A CSV has its truth values as words, and a database as numbers.
    """
    if stated is None or stated == "":
        return "unknown"
    return _TRUTH.get(str(stated).strip().lower(), stated)


def _filled(columns: Columns) -> Columns:
    empty = {name for name in columns if columns[name] is None or (name in MAY_BE_EMPTY and columns[name] == "")}
    return {name: value for name, value in columns.items() if name not in empty}


def _kind(fields: Columns) -> str:
    """What can be told from the row itself: a refusal ends with text as a replay does, and only its owner knows."""
    if fields.get("rejected") is not None:
        return "preference"
    last = fields["messages"][-1:]
    return "call" if last and last[0].get("tool_calls") else "replay"


def _chat(columns: Columns) -> Columns:
    messages = turns.chat(columns.pop("messages"))
    return {**_offered(columns), "messages": [*_system(columns), *messages]}


def _sharegpt(columns: Columns) -> Columns:
    messages = turns.sharegpt(columns.pop("conversations"))
    return {**_offered(columns), "messages": [*_system(columns), *messages]}


def _tool_call(columns: Columns) -> Columns:
    asked, answers = columns.pop("query"), columns.pop("answers")
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "tool_calls": turns.calls(answers)}]
    return {**_offered(columns), "messages": [*_system(columns), *messages]}


def _instruction(columns: Columns) -> Columns:
    asked, given = columns.pop("instruction"), columns.pop("input", "")
    answer = {"role": "assistant", "content": columns.pop("output")}
    prompt = {"role": "user", "content": f"{asked}\n\n{given}" if given else asked}
    return {**_offered(columns), "messages": [*_system(columns), prompt, answer]}


def _preference(columns: Columns) -> Columns:
    chosen, rejected = turns.answer(columns.pop("chosen")), turns.answer(columns.pop("rejected"))
    prompt = turns.prompt(columns.pop("prompt")) if "prompt" in columns else []
    if not prompt:
        shared = next((i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b), None)
        if shared is None:
            raise turns.NotATurn("chosen and rejected do not differ")
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    elif chosen[: len(prompt)] == prompt == rejected[: len(prompt)]:
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    messages = [*_system(columns), *prompt, *chosen]
    return {**_offered(columns), "messages": messages, "rejected": rejected}


def _system(columns: Columns) -> list[Columns]:
    return [{"role": "system", "content": columns.pop("system")}] if "system" in columns else []


def _offered(columns: Columns) -> Columns:
    """The columns that are left after `system`, with tools in one form whatever they are called."""
    rest = {name: value for name, value in columns.items() if name not in ("system", "functions")}
    if (offered := columns.get("tools", columns.get("functions"))) is not None:
        rest["tools"] = turns.tools(offered)
    return rest


SHAPES: Final[dict[Shape, Callable[[Columns], Columns]]] = {
    "chat": _chat,
    "sharegpt": _sharegpt,
    "tool-call": _tool_call,
    "instruction": _instruction,
    "preference": _preference,
}


def _validated(value: object, place: Place) -> Row:
    try:
        return Row.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [where(fault["loc"]) for fault in faults if fault["type"] == "extra_forbidden"]
    if unknown:
        names = ", ".join(unknown[:10])
        raise place.refused(
            "ROW_FIELD_UNKNOWN", f"unknown field {names}", "remove it, or put it under `meta` with `mapping.meta`"
        )
    listed = "; ".join(f"{where(fault['loc']) or 'row'}: {fault['msg']}" for fault in faults[:5])
    raise place.refused("ROW_MALFORMED", listed, "see docs/data.md for the fields of a row")

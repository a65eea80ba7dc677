"""Arrow batches as rows of plain JSON data, a few at a time."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pyarrow

from activities.data.readers.place import MAX_LINE_BYTES, Place, Record, too_long
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

AT_ONCE: Final = 64
"""Rows that are Python objects at one time."""
DEEPEST: Final = 24
"""Nesting of columns; a chat with tool calls has seven levels."""
BROKEN: Final = (pyarrow.ArrowException, OSError, MemoryError, ValueError, OverflowError)
"""What Arrow raises for damaged files; names and texts that are not UTF-8 are a ValueError."""
AS_TEXT: Final = (datetime.date, datetime.time, decimal.Decimal, uuid.UUID)
UNSUPPORTED: Final = (
    pyarrow.types.is_binary,
    pyarrow.types.is_large_binary,
    pyarrow.types.is_fixed_size_binary,
    pyarrow.types.is_map,
    pyarrow.types.is_union,
)


def readable(schema: pyarrow.Schema, source: Source) -> None:
    """Raises InputRefused (`COLUMN_UNSUPPORTED`) for columns that are no JSON, and for names that stand twice."""
    skipped = set(source.mapping.ignored)
    for number, field in enumerate(schema, 1):
        if field.name not in skipped and not _supported(field.type):
            raise _unsupported(source, f"column {number} holds bytes, maps or unions, or is nested too deeply")
    if len(set(schema.names)) != len(schema.names):
        raise _unsupported(source, "two columns have one name")


def rows(batch: pyarrow.RecordBatch, first: int, source: Source) -> Iterator[Record]:
    """The rows of a batch, numbered from `first`. Raises InputRefused (`ROW_TOO_LONG`)."""
    for start in range(0, batch.num_rows, AT_ONCE):
        part = batch.slice(start, AT_ONCE)
        if part.nbytes > AT_ONCE * MAX_LINE_BYTES:
            raise too_long(Place(source.name, first + start, "row"))
        for offset, row in enumerate(part.to_pylist()):
            yield Record(first + start + offset, {name: plain(value) for name, value in row.items()})


def plain(value: Any) -> Any:  # noqa: ANN401  # anything that Arrow or a database gives
    """Plain JSON data. Dates and decimals become text; a struct's empty fields fall away.

    Arrow gives every struct of a column the fields of all of them: an empty one is nearly always one that was absent.
    """
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, AS_TEXT) else value


def _supported(kind: pyarrow.DataType, depth: int = 0) -> bool:
    if depth > DEEPEST or any(unfit(kind) for unfit in UNSUPPORTED):
        return False
    if pyarrow.types.is_dictionary(kind):
        return _supported(kind.value_type, depth + 1)
    return all(_supported(kind.field(i).type, depth + 1) for i in range(kind.num_fields))


def _unsupported(source: Source, what: str) -> InputRefused:
    return InputRefused(
        "COLUMN_UNSUPPORTED",
        f"source {source.name}: {what}",
        "export such columns as text or JSON, or name them under `mapping.ignored`",
    )

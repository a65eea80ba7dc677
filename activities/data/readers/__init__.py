"""Sources of any format as one stream of rows, in bounded memory; what is wrong with one has a code and a line.

source_digest(source)            what identifies the bytes
read_rows(source, digest)        rows, and a refusal at the end when the bytes changed meanwhile
read_records, row_of             the same in two steps, so that parsing can be done elsewhere than reading
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from activities.data.readers import csv, hugging_face, jsonl, parquet, sql
from activities.data.readers.place import MAX_LINE_BYTES, Place, Record, changed
from activities.data.rows import Row, row_id
from activities.data.shapes import row_from
from assay.contracts.data import Format, Source
from assay.contracts.errors import InputRefused

__all__ = ["MAX_LINE_BYTES", "ReadRow", "Record", "read_records", "read_rows", "row_of", "source_digest"]


@dataclass(frozen=True)
class ReadRow:
    """A row that is well formed, with its line (from 1) and its id."""

    line: int
    id: str
    row: Row


class Reader(Protocol):
    """One format."""

    def digest(self, source: Source) -> str:
        """`sha256:<hex>` of what the source holds."""
        ...

    def records(self, source: Source, digest: str) -> Iterator[Record]:
        """Its rows, in order; refused at the end when they are not those of `digest`."""
        ...


READERS: dict[Format, Reader] = {
    "jsonl": cast(Reader, jsonl),
    "csv": cast(Reader, csv),
    "parquet": cast(Reader, parquet),
    "hf-dataset": cast(Reader, hugging_face),
    "sql": cast(Reader, sql),
}


def source_digest(source: Source) -> str:
    """`sha256:<hex>` of a file's bytes, of a directory's files, of a query's rows.

    Raises NotFound (`SOURCE_UNREADABLE`), InputRefused (`SOURCE_SCHEME_UNSUPPORTED`, `SOURCE_DIGEST_MISMATCH`; see the
    formats).
    """
    digest = READERS[source.reads_as].digest(source)
    if source.sha256 and digest != source.sha256:
        raise changed(source, f"{source.sha256} was promised and {digest} was found")
    return digest


def read_records(source: Source, digest: str) -> Iterator[Record]:
    """Rows in order, as the format has them. `digest` is what `source_digest` found.

    Raises InputRefused (`SOURCE_EMPTY`, `SOURCE_DIGEST_MISMATCH`, `ROW_TOO_LONG`; see the formats), NotFound.
    """
    read = 0
    for record in READERS[source.reads_as].records(source, digest):
        read += 1
        yield record
    if not read:
        raise InputRefused("SOURCE_EMPTY", f"source {source.name} has no rows", "export it again, or leave it out")


def row_of(record: Record, source: Source) -> ReadRow:
    """One record as a row.

    Raises InputRefused (`JSONL_MALFORMED`, `ENCODING_NOT_UTF8`, `ROW_FIELD_UNKNOWN`, `ROW_MALFORMED`, `SHAPE_UNKNOWN`,
    `COLUMN_MALFORMED`).
    """
    place = Place(source.name, record.line, "line" if source.reads_as in ("jsonl", "csv") else "row")
    value = jsonl.parsed(record.value, place) if isinstance(record.value, bytes) else record.value
    row = row_from(value, source, place)
    try:
        return ReadRow(record.line, row_id(row, source.name), row)
    except ValueError as error:
        raise place.refused(
            "ROW_MALFORMED",
            "it holds a value that has no canonical JSON: half of a surrogate pair, or an integer beyond 2^53",
            "write such integers as strings, and text as whole characters",
        ) from error


def read_rows(source: Source, digest: str) -> Iterator[ReadRow]:
    """Rows in order. Raises as `read_records` and `row_of`."""
    return (row_of(record, source) for record in read_records(source, digest))

"""Parquet sources, a few rows at a time, however large their row groups. Nested columns are rows as JSON has them.

What is in memory whole is a page of each column: a megabyte as most writers have it, and of long texts up to the 1,024
values that Arrow puts into one before it looks at its size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from pyarrow import parquet

from activities.data.readers import columns
from activities.data.readers.compressed import LIMITS, is_compressed, unpacked
from activities.data.readers.files import CHUNK, digest_of, opened, path_of, unchanged
from activities.data.readers.place import Record
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

BATCH_BYTES: Final = 8 << 20
BUFFER_BYTES: Final = 1 << 20
"""Read of a column at a time. Without a buffer Arrow reads each column of a row group whole."""
FOOTER_BYTES: Final = 64 << 20
"""What a footer may make of a file's own description."""


def digest(source: Source) -> str:
    """Of the file's bytes, compressed as they are."""
    return digest_of(path_of(source), source)


def records(source: Source, digest: str) -> Iterator[Record]:
    """Rows in file order.

    Raises InputRefused (`PARQUET_MALFORMED`, `ARCHIVE_BOMB`, `COLUMN_UNSUPPORTED`, `ROW_TOO_LONG`; see `files`).
    """
    with _seekable(source, digest) as file:
        try:
            yield from _rows(file, source)
        except columns.BROKEN as error:
            raise InputRefused(
                "PARQUET_MALFORMED",
                f"source {source.name} is no Parquet file, or is damaged or cut off",
                "export it again; the last bytes of a whole file are PAR1",
            ) from error


def _rows(file: BinaryIO, source: Source) -> Iterator[Record]:
    with parquet.ParquetFile(
        file,
        thrift_string_size_limit=FOOTER_BYTES,
        thrift_container_size_limit=1 << 20,
        pre_buffer=False,
        buffer_size=BUFFER_BYTES,
    ) as table:
        columns.readable(table.schema_arrow, source)
        _refuse_bomb(table.metadata, source)
        wanted = [name for name in table.schema_arrow.names if name not in source.mapping.ignored]
        first = 1
        for batch in table.iter_batches(_batch_rows(table.metadata), columns=wanted):
            yield from columns.rows(batch, first, source)
            first += batch.num_rows


def _batch_rows(described: parquet.FileMetaData) -> int:
    groups = [described.row_group(i) for i in range(described.num_row_groups)]
    largest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=1)
    return int(max(1, min(columns.AT_ONCE, BATCH_BYTES // max(1, largest))))


def _refuse_bomb(described: parquet.FileMetaData, source: Source) -> None:
    """A column chunk unpacks as a whole page at a time: what it says of itself is looked at before it is read."""
    for group in (described.row_group(i) for i in range(described.num_row_groups)):
        for chunk in (group.column(i) for i in range(group.num_columns)):
            allowed = max(LIMITS.grace, LIMITS.ratio * max(1, chunk.total_compressed_size))
            if chunk.total_uncompressed_size > allowed:
                raise InputRefused(
                    "ARCHIVE_BOMB",
                    f"source {source.name} has a column that unpacks to more than {LIMITS.ratio} times its size",
                    "write it in smaller row groups, or without compression",
                )


@contextmanager
def _seekable(source: Source, digest: str) -> Iterator[BinaryIO]:
    """The file, or what is in it when it is packed: Parquet is read from its end."""
    path = path_of(source)
    with opened(path, source) as file:
        packed = is_compressed(file.read(6))
    if not packed:
        with unchanged(path, source, digest) as file:
            yield file
        return
    with tempfile.TemporaryFile(prefix="assay-parquet-") as scratch:
        with opened(path, source) as file, unpacked(file, source, digest) as content:
            while data := content.read(CHUNK):
                scratch.write(data)
        scratch.seek(0)
        yield scratch

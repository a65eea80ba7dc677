"""The two tables that screening writes: a shard of what may be learnt, and a ledger entry for every row that was read.

The ledger holds no text of a row: its identity, its line, its terms, kinds and counts of what was found, what became of
it, and whose it is as a keyed hash.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import pyarrow as arrow
from pyarrow import parquet

from activities.data.normal_form import normal_form

Outcome = Literal["accepted", "redacted", "quarantined", "refused"]
BLANK_ID: Final = f"sha256:{0:064x}"
"""Row id of every line that an erasure has blanked: nobody's."""
KEPT: Final = frozenset({"accepted", "redacted"})
"""Outcomes whose rows are in the dataset."""
ROWS_A_GROUP: Final = 500
"""Rows of a Parquet row group: what is in memory at once, and what has to be read for one row."""

SHARD: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "kind": arrow.string(),
        "messages": arrow.string(),
        "tools": arrow.string(),
        "source": arrow.string(),
        "tier": arrow.string(),
        "synthetic_depth": arrow.int32(),
        "subject": arrow.string(),
        "rejected": arrow.string(),
    }
)
"""`rejected`: of a preference, the answer that was liked less; "" in other rows."""
LEDGER: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "source": arrow.string(),
        "line": arrow.int64(),
        "outcome": arrow.string(),
        "codes": arrow.list_(arrow.string()),
        "findings": arrow.list_(arrow.string()),
        "licence": arrow.string(),
        "consent": arrow.string(),
        "purposes": arrow.list_(arrow.string()),
        "system": arrow.string(),
        "tier": arrow.string(),
        "synthetic_depth": arrow.int32(),
        "retention_days": arrow.int64(),
        "subject": arrow.string(),
        "kind": arrow.string(),
        "characters": arrow.int64(),
        "language": arrow.string(),
        "duplicate_of": arrow.string(),
        "mentions": arrow.list_(arrow.string()),
        "treatments": arrow.list_(arrow.string()),
        "asked_as": arrow.string(),
    }
)
"""`characters`: how long the texts of its messages and call arguments are together. `language`: a BCP-47 primary tag,
"und" when unsure, "" when nobody looked. `duplicate_of`: id of the row that it repeats, "" for none. `mentions`: keyed
hashes of the personal values in it (see `mention_hash`), sorted. `treatments`: `KIND:treatment:count`, sorted.
`asked_as`: the row that stood for it, and for all others with the same facts, when the gate was asked; "" where it was
refused without asking."""


class Table:
    """A Parquet file, written batch by batch. The same rows in the same batches give the same bytes.

    `stamp` is written beside the schema: files of two owners are not the same bytes, so that one can be destroyed.
    """

    def __init__(self, path: Path, schema: arrow.Schema, stamp: str = "") -> None:
        self._schema = schema.with_metadata({b"assay.of": stamp.encode()}) if stamp else schema
        schema = self._schema
        self._writer = parquet.ParquetWriter(path, schema, compression="zstd")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append a batch."""
        if rows:
            self._writer.write_table(arrow.Table.from_pylist(list(rows), schema=self._schema))

    def add(self, rows: arrow.Table) -> None:
        """Append rows that are a table already, in groups of `ROWS_A_GROUP`."""
        if rows.num_rows:
            self._writer.write_table(rows.cast(self._schema), row_group_size=ROWS_A_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()


def subject_hash(key: bytes, tenant: str, subject: str | None) -> str:
    """HMAC-SHA-256 of a data subject's id, "" for none. The tenant is part of it: no one can join two tenants' rows."""
    return hmac.digest(key, f"{tenant}\0{subject}".encode(), "sha256").hex() if subject else ""


def mention_hash(key: bytes, tenant: str, kind: str, value: str) -> str:
    """HMAC-SHA-256 of a personal value of one kind, in its normal form: however it is written, it has one hash."""
    return hmac.digest(key, f"{tenant}\0{kind}\0{normal_form(kind, value)}".encode(), "sha256").hex()


def pseudonym_key(key: bytes, tenant: str) -> bytes:
    """The key of a tenant's pseudonyms: the same person has another one in another tenant's rows."""
    return hmac.digest(key, f"pseudonyms\0{tenant}".encode(), "sha256")


def read_ledger(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Batches of a ledger, in order."""
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_A_GROUP):
            yield batch.to_pylist()


def json_text(value: object) -> str:
    """As shards hold messages and tools: Arrow would merge the schemas of all tools into one."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

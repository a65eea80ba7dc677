"""A source read once, as a stream, and staged in raw shards: the input of everything that follows.

Nothing is stored before the whole source is well formed and known to be the bytes that were promised. Shards are
encrypted, belong to one intake, and are destroyed when it ends, however it ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as arrow
from pyarrow import parquet

from activities.data.ledger import ROWS_A_GROUP, Table, json_text
from activities.data.readers import ReadRow, read_rows
from assay.contracts.base import Reference
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused
from assay.contracts.screening import MOST_SHARDS, IntakeKey, RawShard

RAW: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "line": arrow.int64(),
        "kind": arrow.string(),
        "messages": arrow.string(),
        "tools": arrow.string(),
        "rejected": arrow.string(),
        "meta": arrow.string(),
        "subject": arrow.string(),
        "licence": arrow.string(),
        "consent": arrow.string(),
        "purposes": arrow.list_(arrow.string()),
        "characters": arrow.int64(),
    }
)
"""A row as it was read. `messages`, `tools`, `rejected` and `meta` are JSON text, as in `SHARD`; `licence`, `consent`
and `purposes` are null where the row says nothing, `subject` and `rejected` are "" then."""

SHARD_BYTES: Final = 64 << 20
GROUP_BYTES: Final = 8 << 20
"""Of text, in a shard and in a group of rows: what a few long rows take."""
GROWTH: Final = 100
"""Shards after which they become twice as large, so that their number grows with the logarithm of a corpus."""
MOST_GROWN: Final = 8


class StoresShards(Protocol):
    """Where shards are put and fetched from: `registry.shards`."""

    def put_file(self, path: Path, owner: str | None = None) -> Reference:
        """`owner` is the intake that makes it. Raises Unavailable."""
        ...

    def fetch_file(self, reference: Reference, target: Path) -> Path:
        """Raises NotFound, IntegrityRefused, Unavailable."""
        ...


@dataclass(frozen=True)
class Portions:
    """How a source is cut: into shards of `rows`, larger ones when there are many."""

    rows: int = 10_000

    def of(self, number: int) -> int:
        """Rows of the shard of this number."""
        return int(self.rows * min(MOST_GROWN, 2 ** (number // GROWTH)))


def stage(
    intake: IntakeKey,
    source: Source,
    digest: str,
    shards: StoresShards,
    portions: Portions,
    beat: Callable[[int], None],
) -> tuple[RawShard, ...]:
    """The shards of a source, in order; `beat` is told the rows read. The same bytes give the same shards.

    Raises InputRefused (`SOURCE_TOO_LARGE`, and what `read_rows` raises), NotFound, Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="assay-stage-") as folder, ExitStack() as opened:
        cut = opened.enter_context(_Cut(Path(folder), f"{intake.name}/{source.name}", portions))
        for count, read in enumerate(read_rows(source, digest), 1):
            cut.add(read)
            if count % ROWS_A_GROUP == 0:
                beat(count)
        opened.close()
        beat(sum(cut.rows))
        return tuple(
            RawShard(number=number, rows=rows, content=shards.put_file(path, intake.name))
            for number, (path, rows) in enumerate(zip(cut.paths, cut.rows, strict=True))
        )


def groups(path: Path, columns: list[str] | None = None) -> Iterator[arrow.Table]:
    """The groups of rows in which a staged file was written, one in memory at a time."""
    with parquet.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=columns)


class _Cut:
    """Writes rows into one file after another."""

    def __init__(self, folder: Path, stamp: str, portions: Portions) -> None:
        self._folder, self._stamp, self._portions = folder, stamp, portions
        self._table: Table | None = None
        self._group: list[dict[str, Any]] = []
        self._group_bytes = self._shard_bytes = 0
        self.paths: list[Path] = []
        self.rows: list[int] = []

    def add(self, read: ReadRow) -> None:
        """Take a row in."""
        row = _raw(read)
        size = sum(len(row[name]) for name in ("messages", "tools", "rejected", "meta"))
        if self._table and (
            self.rows[-1] >= self._portions.of(len(self.paths) - 1) or self._shard_bytes + size > SHARD_BYTES
        ):
            self._close()
        if self._table is None:
            self._open()
        self._group.append(row)
        self.rows[-1] += 1
        self._group_bytes += size
        self._shard_bytes += size
        if len(self._group) >= ROWS_A_GROUP or self._group_bytes >= GROUP_BYTES:
            self._flush()

    def _open(self) -> None:
        if len(self.paths) >= MOST_SHARDS:
            raise InputRefused(
                "SOURCE_TOO_LARGE",
                f"it has more than {sum(self.rows)} rows: an intake has at most {MOST_SHARDS} shards",
                "split the source over several datasets, or raise ASSAY_SCANNING__SHARD_ROWS",
            )
        self.paths.append(self._folder / f"{len(self.paths)}.parquet")
        self.rows.append(0)
        self._table, self._shard_bytes = Table(self.paths[-1], RAW, self._stamp), 0
        self._table.__enter__()

    def _flush(self) -> None:
        assert self._table is not None
        self._table.write(self._group)
        self._group, self._group_bytes = [], 0

    def _close(self) -> None:
        if self._table is not None:
            self._flush()
            self._table.__exit__(None, None, None)
            self._table = None

    def __enter__(self) -> _Cut:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def _raw(read: ReadRow) -> dict[str, Any]:
    row, learnt = read.row, read.row.learnt()
    messages, rejected = learnt["messages"], learnt.get("rejected")
    return {
        "row_id": read.id,
        "line": read.line,
        "kind": row.kind,
        "messages": json_text(messages),
        "tools": json_text(learnt["tools"]),
        "rejected": json_text(rejected) if rejected else "",
        "meta": json_text(row.meta) if row.meta else "",
        "subject": row.subject or "",
        "licence": row.licence,
        "consent": row.consent,
        "purposes": row.purposes,
        "characters": characters((*messages, *(rejected or ()))),
    }


def characters(messages: tuple[dict[str, Any], ...]) -> int:
    """How long the texts of messages and of the arguments of their calls are together."""
    texts = sum(len(message.get("content") or "") for message in messages)
    calls = (call["function"]["arguments"] for message in messages for call in message.get("tool_calls") or ())
    return texts + sum(len(json_text(arguments)) for arguments in calls)

"""A dataset's ledger as columns, batch by batch: what adds it up needs neither its rows as objects nor all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as arrow
from pyarrow import compute, parquet

from activities.data.ledger import KEPT, LEDGER
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import NotFound
from registry import DatasetRecord, Registry

KEYS: Final = ("source", "licence", "tier", "synthetic_depth", "kind")
ROWS: Final = 65_536
"""A batch: some megabytes of the widest columns."""


def fetch(registry: Registry, record: DatasetRecord, folder: Path) -> Path:
    """A dataset's ledger, in `folder`.

    Raises NotFound (`SHARD_DESTROYED`) where an erasure has destroyed it, IntegrityRefused, Unavailable.
    """
    try:
        return registry.shards.fetch_file(record.ledger, folder / "ledger.parquet")
    except NotFound as error:
        case = registry.shards.destroyed(record.ledger.sha256)
        if case is None:
            raise
        name = f"{record.request.tenant}/{record.request.dataset}/{record.request.version}"
        raise NotFound(
            "SHARD_DESTROYED",
            f"the rows and the ledger of {name} ({record.dataset.id}) were destroyed ({case or 'no case named'})",
            f"nobody can read them again; `assay data list {record.request.tenant}` names what is there in their place",
        ) from error


def columns(paths: Iterable[Path], names: Sequence[str]) -> Iterator[arrow.Table]:
    """These columns, in batches. A ledger from before a column was kept has it empty."""
    for path in paths:
        with parquet.ParquetFile(path) as file:
            there = [name for name in names if name in file.schema_arrow.names]
            for batch in file.iter_batches(ROWS, columns=there):
                yield _complete(arrow.Table.from_batches([batch]), names)


def composition(ledgers: Iterable[Path]) -> tuple[RowGroup, ...]:
    """Groups of accepted rows, sorted by what they have in common. Memory grows with the groups, not with the rows."""
    found: Counter[tuple[Any, ...]] = Counter()
    for table in columns(ledgers, ("outcome", *KEYS)):
        for group in kept(table).group_by(list(KEYS)).aggregate([([], "count_all")]).to_pylist():
            found[tuple(group[key] for key in KEYS)] += group["count_all"]
    return tuple(RowGroup(**dict(zip(KEYS, key, strict=True)), rows=rows) for key, rows in sorted(found.items()))


def kept(table: arrow.Table) -> arrow.Table:
    """The rows of a batch that are in the dataset; `outcome` must be among its columns."""
    return table.filter(compute.is_in(table["outcome"], value_set=arrow.array(sorted(KEPT))))


def _complete(table: arrow.Table, names: Sequence[str]) -> arrow.Table:
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, _empty(LEDGER.field(name).type, table.num_rows))
    return table.select(list(names))


def _empty(of: arrow.DataType, rows: int) -> arrow.Array:
    value: Any = [] if arrow.types.is_list(of) else "" if arrow.types.is_string(of) else 0
    return arrow.array([value] * rows, of)

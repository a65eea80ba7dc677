"""Parquet files without some of their rows, and what those rows said."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as arrow
from pyarrow import compute, parquet

from assay.contracts.base import Reference
from registry import Registry

_SHORTEST: Final = 24
"""Characters: a shorter text stands in other people's rows as well."""
_TEXTS: Final = ("messages", "tools", "row", "content")
"""Columns of shards and quarantine shards that hold what people wrote, as JSON text."""


@dataclass
class Cut:
    """What a file lost. `texts` are known from nothing else: they are what a second search looks for."""

    rows: int = 0
    left: int = 0
    texts: set[str] = field(default_factory=set)
    taken: list[dict[str, Any]] = field(default_factory=list)


def holds(path: Path, row_ids: Collection[str]) -> bool:
    """Whether any of these rows stands in a file."""
    wanted = arrow.array(sorted(row_ids), arrow.string())
    with parquet.ParquetFile(path) as file:
        if "row_id" not in file.schema_arrow.names:
            return False
        batches = file.iter_batches(columns=["row_id"])
        return any(compute.any(compute.is_in(batch.column("row_id"), value_set=wanted)).as_py() for batch in batches)


def cut(path: Path, target: Path, row_ids: Collection[str], *, columns: Collection[str] = ()) -> Cut:
    """Write `path` to `target` without these rows, in the same order; `columns` of what was taken are kept."""
    wanted, done = arrow.array(sorted(row_ids), arrow.string()), Cut()
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        for batch in file.iter_batches(500):
            gone = compute.is_in(batch.column("row_id"), value_set=wanted)
            taken, left = batch.filter(gone), batch.filter(compute.invert(gone))
            done.rows, done.left = done.rows + taken.num_rows, done.left + left.num_rows
            for row in taken.to_pylist():
                done.texts.update(_texts_of(row))
                done.taken.append({name: row[name] for name in columns})
            if left.num_rows:
                out.write_batch(left)
    return done


def shared(path: Path, texts: Collection[str]) -> set[str]:
    """Those of these texts that other rows say too: they name nobody."""
    found: set[str] = set()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            for row in batch.to_pylist() if texts else ():
                found |= set(_texts_of(row)) & set(texts)
    return found


def _texts_of(row: dict[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        if isinstance(text := row.get(name), str):
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = text
            yield from (one for one in _strings(parsed) if len(one) >= _SHORTEST)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def store_like(registry: Registry, path: Path, former: Reference) -> Reference:
    """Store a file where the one that it stands in for is stored: encrypted, or plain in an older dataset."""
    encrypted = former.uri.startswith("shard:")
    return registry.shards.put_file(path) if encrypted else registry.blobs.put_file(path)

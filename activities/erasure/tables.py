"""Parquet files without some of their rows, and what those rows said."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

import pyarrow as arrow
from pyarrow import compute, parquet

from activities.data.ledger import BLANK_ID
from assay.contracts.base import Reference
from registry import Registry

_SHORTEST: Final = 24
"""Characters: a shorter text stands in other people's rows as well."""
_TEXTS: Final = ("messages", "tools", "rejected", "row", "content")
"""Columns of shards and quarantine shards that hold what people wrote, as JSON text."""
_BLANK: Final[dict[str, Any]] = {
    **{"row_id": BLANK_ID, "subject": "", "duplicate_of": "", "asked_as": ""},
    **{"mentions": [], "findings": [], "characters": 0},
}


def holds(path: Path, row_ids: Collection[str]) -> bool:
    """Whether any of these rows stands in a file."""
    wanted = arrow.array(sorted(row_ids), arrow.string())
    with parquet.ParquetFile(path) as file:
        if "row_id" not in file.schema_arrow.names:
            return False
        batches = file.iter_batches(columns=["row_id"])
        return any(compute.any(compute.is_in(batch.column("row_id"), value_set=wanted)).as_py() for batch in batches)


def cut(path: Path, target: Path, row_ids: Collection[str]) -> int:
    """Write `path` to `target` without these rows, in the same order; how many are left."""
    return _filtered(path, target, {"row_id": row_ids}, inside=False)


def take(path: Path, target: Path, places: Collection[int]) -> None:
    """Write only the rows of `path` that stand at these places, in the same order."""
    wanted, at = arrow.array(sorted(places), arrow.int64()), 0
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        for batch in file.iter_batches(500):
            here = arrow.array(range(at, at + batch.num_rows), arrow.int64())
            if (kept := batch.filter(compute.is_in(here, value_set=wanted))).num_rows:
                out.write_batch(kept)
            at += batch.num_rows


def pick(path: Path, target: Path, values: Mapping[str, Collection[str]]) -> int:
    """Write only the rows of `path` that have one of these values in the column that it is named for; how many."""
    return _filtered(path, target, values, inside=True)


def blank(path: Path, target: Path, row_ids: Collection[str]) -> None:
    """Write a ledger again in which nothing says what these rows were: lines are found by their place, so they stay."""
    wanted = arrow.array(sorted(row_ids), arrow.string())
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        for batch in file.iter_batches(500):
            gone = compute.is_in(batch.column("row_id"), value_set=wanted).to_pylist()
            rows = [row | _BLANK if here else row for row, here in zip(batch.to_pylist(), gone, strict=True)]
            out.write_table(arrow.Table.from_pylist(rows, schema=file.schema_arrow))


def _filtered(path: Path, target: Path, values: Mapping[str, Collection[str]], *, inside: bool) -> int:
    wanted, left = {column: arrow.array(sorted(of), arrow.string()) for column, of in values.items()}, 0
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        for batch in file.iter_batches(500):
            among = (compute.is_in(batch.column(column), value_set=of) for column, of in wanted.items())
            found = reduce(compute.or_, among)
            kept = batch.filter(found if inside else compute.invert(found))
            left += kept.num_rows
            if kept.num_rows:
                out.write_batch(kept)
    return left


def said(path: Path, row_ids: Collection[str]) -> set[str]:
    """What these rows of a file say."""
    wanted, texts = arrow.array(sorted(row_ids), arrow.string()), set[str]()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            for row in batch.filter(compute.is_in(batch.column("row_id"), value_set=wanted)).to_pylist():
                texts.update(_texts_of(row))
    return texts


def shared(path: Path, texts: Collection[str], row_ids: Collection[str]) -> set[str]:
    """Those of these texts that rows say which are not among `row_ids`: they name nobody."""
    mine, wanted, found = arrow.array(sorted(row_ids), arrow.string()), frozenset(texts), set[str]()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            others = compute.invert(compute.is_in(batch.column("row_id"), value_set=mine))
            for row in batch.filter(others).to_pylist():
                found.update(wanted.intersection(_texts_of(row)))
    return found


def _texts_of(row: dict[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        if isinstance(text := row.get(name), str):
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = text
            yield from (one for one in strings_of(parsed) if len(one) >= _SHORTEST)


def strings_of(value: object) -> Iterator[str]:
    """Every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings_of(one)


def store_like(registry: Registry, path: Path, former: Reference) -> Reference:
    """Store a file where the one that it stands in for is stored: encrypted, or plain in an older dataset."""
    encrypted = former.uri.startswith("shard:")
    return registry.shards.put_file(path) if encrypted else registry.blobs.put_file(path)

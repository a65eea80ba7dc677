"""Which rows of an intake repeat an earlier one, over all of its sources in their order, in bounded memory.

Kept of a row that repeats nothing: 280 bytes for what is like it, 32 for its id, and the id once more in a file. Of one
that others repeat word for word also whose they all are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as arrow
from pyarrow import parquet

from activities.data.checks import NearDuplicates
from activities.data.ledger import Table
from activities.data.seen import SeenRows
from activities.data.staging import StoresShards, groups
from assay.contracts.base import Reference
from assay.contracts.screening import IntakeKey, ScannedShard

REPEATS: Final = arrow.schema(
    {"at": arrow.int64(), "of": arrow.string(), "same": arrow.bool_(), "subjects": arrow.list_(arrow.string())}
)
"""`at` counts the rows of the shard from 0; `of` is the id of the first row that it repeats, "" where it is the first;
`same`: word for word; `subjects` are all whose copies of the row are: who opts out of one opts out of all of them."""
Again = tuple[int, str, bool]
_AGAIN: Final = arrow.schema([REPEATS.field(name) for name in ("at", "of", "same")])


def compare(
    intake: IntakeKey,
    shards: Sequence[ScannedShard],
    raw: Sequence[Reference],
    store: StoresShards,
    beat: Callable[[int], None],
) -> tuple[Reference | None, ...]:
    """For each shard its `REPEATS`, None where there are none; `raw` are the same shards as they were read.

    `beat` is told the rows compared.

    Raises NotFound, IntegrityRefused, Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="assay-compare-") as scratch:
        folder = Path(scratch)
        with SeenRows(folder / "seen.sqlite") as seen:
            memory = _Memory(seen)
            for number, shard in enumerate(shards):
                path = store.fetch_file(shard.found, folder / "found.parquet")
                _noted(list(memory.repeats(path, near=shard.admitted)), folder / str(number))
                beat(memory.rows)
        owners = _owners(memory.twice, raw, store, folder)
        answers: list[Reference | None] = []
        for number in range(len(shards)):
            ids = _column(store.fetch_file(raw[number], folder / "raw"), "row_id") if owners else []
            target = folder / "repeats.parquet"
            if _write(folder / str(number), ids, owners, target, f"{intake.name}/repeats/{number}"):
                answers.append(store.put_file(target, intake.name))
            else:
                answers.append(None)
        return tuple(answers)


def _owners(
    twice: Collection[str], raw: Sequence[Reference], store: StoresShards, folder: Path
) -> dict[str, list[str]]:
    """Of rows that are there more than once and are anybody's: all whose they are."""
    found: dict[str, set[str]] = {}
    for shard in raw if twice else ():
        path = store.fetch_file(shard, folder / "raw")
        for row_id, subject in zip(_column(path, "row_id"), _column(path, "subject"), strict=True):
            if subject and row_id in twice:
                found.setdefault(row_id, set()).add(subject)
    return {row_id: sorted(subjects) for row_id, subjects in found.items()}


def _column(path: Path, name: str) -> list[str]:
    return [value for group in groups(path, [name]) for value in group[name].to_pylist()]


def _noted(repeats: list[Again], path: Path) -> None:
    """On disk until it is known whose the copies are."""
    at, of, same = zip(*repeats, strict=True) if repeats else ((), (), ())
    parquet.write_table(arrow.table({"at": at, "of": of, "same": same}, schema=_AGAIN), path)


def _write(noted: Path, ids: list[str], owners: Mapping[str, list[str]], target: Path, stamp: str) -> bool:
    """Write the `REPEATS` of a shard; False when it has none."""
    repeats = {row["at"]: row for row in parquet.read_table(noted).to_pylist()}
    for at, row_id in enumerate(ids):
        if row_id in owners:
            repeats.setdefault(at, {"at": at, "of": "", "same": False})["subjects"] = owners[row_id]
    rows = [{"subjects": [], **repeats[at]} for at in sorted(repeats)]
    if rows:
        with Table(target, REPEATS, stamp) as table:
            table.write(rows)
    return bool(rows)


class _Memory:
    """What was met so far."""

    def __init__(self, seen: SeenRows) -> None:
        self.rows = 0
        self.twice: set[str] = set()
        self._seen, self._near = seen, NearDuplicates()
        self._compared = 0
        self._ids = np.empty((0, 32), np.uint8)

    def repeats(self, path: Path, *, near: bool) -> Iterator[Again]:
        """The rows of a shard that repeat one met before. Without `near` they are no example for others either."""
        at = 0
        for group in groups(path, ["row_id", "signature"]):
            ids, signatures = group["row_id"].to_pylist(), group["signature"].to_pylist()
            first = [self._seen.first(row_id) for row_id in ids]
            like = self._like(ids, signatures, first) if near else [None] * len(ids)
            for i, row_id in enumerate(ids):
                if not first[i]:
                    self.twice.add(row_id)
                    yield at + i, row_id, True
                elif (of := like[i]) is not None:
                    yield at + i, of, False
            at += len(ids)
            self.rows += len(ids)

    def _like(self, ids: list[str], signatures: list[bytes], first: list[bool]) -> list[str | None]:
        # Those met before are like themselves, which is said already.
        places = self._near.compare([said if fresh else b"" for said, fresh in zip(signatures, first, strict=True)])
        self._remember(ids)
        return [None if place is None else self._id(place) for place in places]

    def _remember(self, ids: list[str]) -> None:
        new = np.frombuffer(b"".join(bytes.fromhex(one[7:]) for one in ids), np.uint8).reshape(-1, 32)
        if self._compared + len(new) > len(self._ids):
            room = max(len(new), 1024, len(self._ids) // 4)
            self._ids = np.concatenate([self._ids, np.empty((room, 32), np.uint8)])
        self._ids[self._compared : self._compared + len(new)] = new
        self._compared += len(new)

    def _id(self, place: int) -> str:
        return f"sha256:{self._ids[place].tobytes().hex()}"

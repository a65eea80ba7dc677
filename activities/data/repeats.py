"""Which rows of an intake repeat an earlier one, over all of its sources in their order, in bounded memory.

Kept of a row that repeats nothing: 280 bytes for what is like it, 32 for its id, and the id once more in a file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as arrow

from activities.data.checks import NearDuplicates
from activities.data.ledger import Table
from activities.data.seen import SeenRows
from activities.data.staging import StoresShards, groups
from assay.contracts.base import Reference
from assay.contracts.screening import IntakeKey, ScannedShard

REPEATS: Final = arrow.schema({"at": arrow.int64(), "of": arrow.string(), "same": arrow.bool_()})
"""`at` counts the rows of the shard from 0; `of` is the id of the first row that it repeats; `same`: word for word."""


def compare(
    intake: IntakeKey, shards: Sequence[ScannedShard], store: StoresShards, beat: Callable[[int], None]
) -> tuple[Reference | None, ...]:
    """For each shard its `REPEATS`, None where there are none; `beat` is told the rows compared.

    Raises NotFound, IntegrityRefused, Unavailable.
    """
    answers: list[Reference | None] = []
    with tempfile.TemporaryDirectory(prefix="assay-compare-") as scratch:
        folder = Path(scratch)
        with SeenRows(folder / "seen.sqlite") as seen:
            memory = _Memory(seen)
            for number, shard in enumerate(shards):
                path = store.fetch_file(shard.found, folder / "found.parquet")
                repeats = list(memory.repeats(path, near=shard.admitted))
                stamp = f"{intake.name}/repeats/{number}"
                answers.append(_stored(repeats, folder / "repeats.parquet", stamp, store) if repeats else None)
                beat(memory.rows)
    return tuple(answers)


class _Memory:
    """What was met so far."""

    def __init__(self, seen: SeenRows) -> None:
        self.rows = 0
        self._seen, self._near = seen, NearDuplicates()
        self._compared = 0
        self._ids = np.empty((0, 32), np.uint8)

    def repeats(self, path: Path, *, near: bool) -> Iterator[tuple[int, str, bool]]:
        """The rows of a shard that repeat one met before. Without `near` they are no example for others either."""
        at = 0
        for group in groups(path, ["row_id", "signature"]):
            ids, signatures = group["row_id"].to_pylist(), group["signature"].to_pylist()
            first = [self._seen.first(row_id) for row_id in ids]
            like = self._like(ids, signatures, first) if near else [None] * len(ids)
            for i, row_id in enumerate(ids):
                if not first[i]:
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


def _stored(repeats: list[tuple[int, str, bool]], path: Path, stamp: str, store: StoresShards) -> Reference:
    at, of, same = zip(*repeats, strict=True)
    with Table(path, REPEATS, stamp) as table:
        table.add(arrow.table({"at": at, "of": of, "same": same}, schema=REPEATS))
    return store.put_file(path)

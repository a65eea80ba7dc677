"""How two datasets differ: rows by id, and all that a profile counts. Rows meet in a scratch file, not in memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from activities.data.ledger import BLANK_ID
from activities.data.ledgers import columns, fetch
from activities.data.profile import profile
from assay.contracts.base import Digest, Message
from assay.contracts.datasheet import Part, Profile
from registry import Registry

COUNTED: Final = ("outcomes", "sources", "licences", "tiers", "languages", "kinds", "depths")
PERCENTILES: Final = ("p05", "p25", "p50", "p75", "p95", "p99")
SHOWN: Final = 20
"""Row ids of each sort of change that are named; all are counted."""
_INSERT: Final = {
    "a": "INSERT OR IGNORE INTO rows (id, a) VALUES (?, ?)",
    "b": "INSERT INTO rows (id, b) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET b = coalesce(b, excluded.b)",
}
_JOINED: Final = "SELECT count(*) FROM rows WHERE "
_SORTS: Final = {
    "added": "a IS NULL",
    "removed": "b IS NULL",
    "changed": "a <> b",
}


class Moved(Message):
    """A count in both datasets, with its share of the rows there."""

    name: str
    before: int
    after: int
    share_before: float
    share_after: float


class Counts(Message):
    """One thing that is counted. `distance` is the total variation distance of its shares, 0 where nothing moved."""

    of: str
    moved: tuple[Moved, ...]
    distance: float


class Changed(Message):
    """Rows whose outcome is another one."""

    before: str
    after: str
    rows: int


class Rows(Message):
    """Rows by id. `examples` are the first of each sort, by id."""

    same: int
    added: int
    removed: int
    changed: int
    changes: tuple[Changed, ...]
    examples: dict[str, tuple[Digest, ...]]


class Comparison(Message):
    """What is otherwise in `after`. Shares are of accepted rows; of outcomes, of all rows read."""

    before: Digest
    after: Digest
    rows: Rows
    counts: tuple[Counts, ...]
    findings: tuple[Moved, ...]
    lengths: tuple[Moved, ...]


def compare(registry: Registry, before: str, after: str) -> Comparison:
    """Compare two sealed datasets. Memory does not grow with their rows.

    Raises NotFound (`DATASET_UNKNOWN`, `SHARD_DESTROYED`), IntegrityRefused, Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="assay-diff-") as scratch, closing(_scratch(scratch)) as meeting:
        profiles = []
        for side, dataset in (("a", before), ("b", after)):
            record = registry.datasets.get(dataset)
            folder = Path(scratch, side)
            folder.mkdir()
            ledger = (fetch(registry, record, folder),)
            _enter(meeting, side, ledger)
            profiles.append(profile(ledger))
        rows = _rows(meeting)
    one, other = profiles
    return Comparison(
        before=before,
        after=after,
        rows=rows,
        counts=tuple(_counts(name, getattr(one, name), getattr(other, name)) for name in COUNTED),
        findings=_findings(one, other),
        lengths=_lengths(one, other),
    )


def _scratch(folder: str) -> sqlite3.Connection:
    meeting = sqlite3.connect(Path(folder, "rows.sqlite"), isolation_level=None)
    # Nothing has to survive a crash.
    meeting.execute("PRAGMA journal_mode = OFF")
    meeting.execute("PRAGMA synchronous = OFF")
    meeting.execute("CREATE TABLE rows (id BLOB PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID")
    return meeting


def _enter(meeting: sqlite3.Connection, side: str, ledgers: Iterable[Path]) -> None:
    """A row that repeats another one of its dataset has its first outcome."""
    for table in columns(ledgers, ("row_id", "outcome")):
        ids, outcomes = table["row_id"].to_pylist(), table["outcome"].to_pylist()
        meeting.execute("BEGIN")
        told = ((i, o) for i, o in zip(ids, outcomes, strict=True) if i != BLANK_ID)
        pairs = ((bytes.fromhex(i.removeprefix("sha256:")), o) for i, o in told)
        meeting.executemany(_INSERT[side], pairs)
        meeting.execute("COMMIT")


def _rows(meeting: sqlite3.Connection) -> Rows:
    counts = {sort: meeting.execute(_JOINED + where).fetchone()[0] for sort, where in _SORTS.items()}
    changes = meeting.execute(
        "SELECT a, b, count(*) FROM rows WHERE a <> b GROUP BY a, b ORDER BY count(*) DESC, a, b"
    ).fetchall()
    return Rows(
        same=meeting.execute(_JOINED + "a = b").fetchone()[0],
        **counts,
        changes=tuple(Changed(before=a, after=b, rows=rows) for a, b, rows in changes),
        examples={sort: tuple(_examples(meeting, where)) for sort, where in _SORTS.items()},
    )


def _examples(meeting: sqlite3.Connection, where: str) -> Iterator[str]:
    for (id_,) in meeting.execute(f"SELECT id FROM rows WHERE {where} ORDER BY id LIMIT {SHOWN}"):  # noqa: S608  # ours
        yield f"sha256:{id_.hex()}"


def _counts(name: str, before: Sequence[Part], after: Sequence[Part]) -> Counts:
    left, right = ({part.name: part for part in parts} for parts in (before, after))
    moved = [
        Moved(
            name=key,
            before=left[key].count if key in left else 0,
            after=right[key].count if key in right else 0,
            share_before=left[key].share if key in left else 0.0,
            share_after=right[key].share if key in right else 0.0,
        )
        for key in sorted({*left, *right})
    ]
    # Half the sum of the differences (Levin, Peres and Wilmer 2009, proposition 4.2).
    distance = sum(abs(one.share_after - one.share_before) for one in moved) / 2
    return Counts(of=name, moved=tuple(moved), distance=round(min(1.0, distance), 6))


def _findings(before: Profile, after: Profile) -> tuple[Moved, ...]:
    """Rows with a kind of finding, of all rows read."""
    sides = [
        ({f"{fate.category}: {fate.kind}": fate.rows for fate in one.findings}, max(1, one.read))
        for one in (before, after)
    ]
    (left, all_left), (right, all_right) = sides
    return tuple(
        Moved(
            name=key,
            before=left.get(key, 0),
            after=right.get(key, 0),
            share_before=round(left.get(key, 0) / all_left, 6),
            share_after=round(right.get(key, 0) / all_right, 6),
        )
        for key in sorted({*left, *right})
    )


def _lengths(before: Profile, after: Profile) -> tuple[Moved, ...]:
    """Percentiles in characters; as shares, of the longest row."""
    one, other = before.lengths, after.lengths
    return tuple(
        Moved(
            name=name,
            before=getattr(one, name),
            after=getattr(other, name),
            share_before=round(getattr(one, name) / max(1, one.largest), 6),
            share_after=round(getattr(other, name) / max(1, other.largest), 6),
        )
        for name in PERCENTILES
    )

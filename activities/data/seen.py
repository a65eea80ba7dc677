"""Which rows were met already, on disk: a source may have more rows than memory has room for their ids."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self


class SeenRows:
    """A set of row ids in a scratch file."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        # Nothing has to survive a crash: an activity that is tried again starts over.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def first(self, row_id: str) -> bool:
        """Whether this id is met for the first time; it is remembered."""
        digest = bytes.fromhex(row_id.removeprefix("sha256:"))
        with closing(self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,))) as cursor:
            return cursor.rowcount == 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

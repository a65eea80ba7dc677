"""The second search. It shares no code with the first: no ledger, no lineage, no manifest is believed that says that
something is gone. They may say what else to look for: weights, in which no text stands, and answers.

It reads bytes: every blob and every file below the state folder, raw and, where a living key or a plain Parquet file
lets it, in the clear; the tables as the database prints them. It looks for texts that only the erased rows said, for
their ids in rows, for the person's keyed hashes, and for files that were to be destroyed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pyarrow import ArrowException, parquet

from activities.erasure.needles import Needles
from activities.erasure.probe import Probe
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.remains import Remains
from registry import Registry

_CHUNK: Final = 8 * 1024 * 1024
_KEYS: Final = "keys"
_BLOB: Final = re.compile(r"blobs/.*/[0-9a-f]{64}")
"""Below the state folder: read through the store. What a killed write left beside them has another name."""
_SCRATCH: Final = "assay-search-"
_MANY: Final = 20
_JSON: Final = ("[", "{", '"')
_MARK: Final = b"PAR1"
_UNREADABLE: Final = (ArrowException, OSError, ValueError)
"""Of a table: damaged, packed by a codec that is not here, or with text that is none."""
_GONE: Final = (NotFound, IntegrityRefused, FileNotFoundError)
"""Destroyed while we looked, scratch of whoever works beside this, or not what its name says: it cannot be used."""
_DATABASE: Final = "registry.sqlite"
"""Read as tables. Closing a file of SQLite's drops the locks that this process has on it, and intake works beside this
(https://www.sqlite.org/howtocorrupt.html, 2.2)."""


@dataclass(frozen=True)
class _Place:
    """Somewhere to look. `fetch` gives its bytes as a file, at the path it is handed or where they lie already."""

    name: str
    fetch: Callable[[Path], Path]
    has_hashes: bool = True
    """Whether the person's keyed hashes may not stand there either."""
    has_rows: bool = False
    """Whether it is a shard of rows, in the clear."""


def search(
    registry: Registry,
    probe: Probe,
    home: Path,
    beat: Callable[[], None] = lambda: None,
    *,
    learnt: Collection[str] = (),
) -> Remains:
    """Places in which something is left, by digest, table or path; not in the probes of open cases, which go with them.

    `learnt` are blobs that must be gone as well, though no text tells of what they are made: weights, answers.

    Below the state folder stand the suppression list and the ids of workflows, which are keyed hashes: there only texts
    are looked for. Raises Unavailable.
    """
    look = _Look(probe)
    read, shards, suspected, others = 0, 0, list[_Place](), set[str]()
    found, gone = list[str](), frozenset({*probe.shards, *probe.former, *learnt})
    with tempfile.TemporaryDirectory(prefix=_SCRATCH) as folder:
        for place in chain(_stored(registry), _files(home, _sources(registry, home))):
            with suppress(*_GONE), _opened(place, Path(folder)) as path:
                read, shards = read + path.stat().st_size, shards + place.has_rows
                # A decision that was stored names rows by digest, as it must: it is no copy of them.
                if place.name.partition(" ")[2] in gone:
                    found.append(place.name)
                elif look.finds(path, place, others):
                    suspected.append(place)
            beat()
        if others:
            left = tuple(text for text in probe.texts if text not in others)
            suspected = _again(suspected, _Look(probe.model_copy(update={"texts": left})), Path(folder), beat)
    found += [place.name for place in suspected]
    found += [f"table {table}" for table in registry.mentions_of([*probe.hashes, *probe.rows])]
    searched = ("blobs", "shards", "database", "state folder")
    return Remains(searched=searched, found=tuple(sorted(found)[:_MANY]), bytes=read, shards=shards)


def _again(places: list[_Place], look: _Look, scratch: Path, beat: Callable[[], None]) -> list[_Place]:
    """Those in which something is found also when others' texts are left out."""
    found = list[_Place]()
    for place in places:
        with suppress(*_GONE), _opened(place, scratch) as path:
            if look.finds(path, place, set()):
                found.append(place)
        beat()
    return found


class _Look:
    """What is looked for."""

    def __init__(self, probe: Probe) -> None:
        self._ids, self._whole = frozenset(probe.rows), frozenset(probe.texts)
        self._texts = _needles(probe.model_copy(update={"hashes": ()}))
        self._all = _needles(probe)

    def finds(self, path: Path, place: _Place, others: set[str]) -> bool:
        """Whether anything stands in this file. Texts that rows of others say in it are added to `others`."""
        needles = self._all if place.has_hashes else self._texts
        raw = _in_file(path, needles)
        return (raw and not place.has_rows) or self._in_table(path, needles, place.has_rows, others) or raw

    def _in_table(self, path: Path, needles: Needles, has_rows: bool, others: set[str]) -> bool:
        """Parquet is compressed: read as rows, and strings as people wrote them, however they were escaped in a column.

        Row ids count here, where a row would stand. A whole table that cannot be read counts as well: nobody can say
        what is in it.
        """
        found = False
        try:
            for rows in _rows(path):
                said = [(row.get("row_id"), tuple(_strings(row))) for row in rows]
                text = "\0".join(chain.from_iterable(strings for _, strings in said)).encode(errors="replace")
                found = found or any(row in self._ids for row, _ in said) or needles.among(text)
                if has_rows:
                    of = (strings for row, strings in said if row is not None and row not in self._ids)
                    others |= self._whole.intersection(chain.from_iterable(of))
                elif found:
                    break
        except _UNREADABLE:
            return found or _is_parquet(path)
        return found


def _needles(probe: Probe) -> Needles:
    """Texts raw and as JSON writes them, with and without letters beyond ASCII."""
    forms: set[bytes] = {one.encode() for one in probe.hashes}
    for text in probe.texts:
        forms |= {text.encode(), json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    return Needles(forms)


def _stored(registry: Registry) -> Iterator[_Place]:
    """Every blob as it lies in the store, and once more in the clear where a living key opens it."""
    probes = {one.probe.sha256 for one in registry.erasures.list() if one.probe}
    keys = frozenset(registry.shards.living()) - probes
    for digest in registry.blobs.digests():
        yield _Place(f"blob {digest}", partial(registry.blobs.fetch_file, digest))
        if digest in keys:
            opened = Reference(uri=digest.replace("sha256:", "shard:"), sha256=digest)
            yield _Place(f"shard {digest}", partial(registry.shards.fetch_file, opened), has_rows=True)


@contextmanager
def _opened(place: _Place, scratch: Path) -> Iterator[Path]:
    """Its bytes as a file."""
    path = scratch / "bytes"
    try:
        yield place.fetch(path)
    finally:
        path.unlink(missing_ok=True)


def _in_file(path: Path, needles: Needles) -> bool:
    overlap = needles.longest - 1
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK):
            window = tail + chunk
            if needles.among(window):
                return True
            tail = window[-overlap:] if overlap else b""
    return False


def _rows(path: Path) -> Iterator[list[dict[str, Any]]]:
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            yield batch.to_pylist()


def _is_parquet(path: Path) -> bool:
    """By the mark at both of its ends."""
    with path.open("rb") as file:
        begin = file.read(len(_MARK))
        file.seek(-min(len(_MARK), path.stat().st_size), os.SEEK_END)
        return begin == file.read() == _MARK


def _strings(value: object) -> Iterator[str]:
    """Every string of a value: keys, values, and those of JSON that is written in a string."""
    if isinstance(value, str):
        yield value
        if value[:1] in _JSON:
            try:
                parsed = json.loads(value)
            except (ValueError, RecursionError):
                return
            yield from _strings(parsed)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _strings(key)
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)


def _sources(registry: Registry, home: Path) -> frozenset[Path]:
    """Files and folders below the state folder that sources lie in: systems of record, whose owners keep or clean them.

    Never the state folder itself, whatever a source is read from: all of it would go unsearched.
    """
    uris = registry.datasets.source_uris()
    paths = (Path(uri.removeprefix("file://").removeprefix("sqlite:///")).resolve() for uri in uris)
    return frozenset(path for path in paths if home.resolve() in path.parents)


def _files(home: Path, sources: frozenset[Path]) -> Iterator[_Place]:
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if inside.parts[0].startswith(_DATABASE):
            continue
        if inside.parts[0] == _KEYS or _BLOB.fullmatch(inside.as_posix()):
            continue
        if any(part.startswith(_SCRATCH) for part in inside.parts) or path.is_symlink() or not path.is_file():
            continue
        if not sources.isdisjoint((path.resolve(), *path.resolve().parents)):
            continue
        yield _Place(f"file {inside}", partial(_lying, path), has_hashes=False)


def _lying(path: Path, _scratch: Path) -> Path:
    return path

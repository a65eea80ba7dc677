"""The second search. It shares no code with the first: no ledger, no lineage, no manifest is believed.

It reads bytes: every blob and every file below the state folder, raw and, where a living key or a plain Parquet file
lets it, in the clear; the tables as the database prints them. It looks for texts that only the erased rows said, for
their ids in rows, for the person's keyed hashes, and for files that were to be destroyed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pyarrow import ArrowException, parquet

from activities.erasure.needles import Needles
from activities.erasure.probe import Probe
from assay.contracts.base import Reference
from assay.contracts.erasure import Remains
from assay.contracts.errors import IntegrityRefused, NotFound
from registry import Registry

_CHUNK: Final = 8 * 1024 * 1024
_SKIPPED: Final = ("keys", "blobs")
"""Below the state folder: keys are no text, and blobs are read through the store."""
_MANY: Final = 20
_JSON: Final = ("[", "{", '"')
_MARK: Final = b"PAR1"
_UNREADABLE: Final = (ArrowException, OSError, ValueError)
"""Of a table: damaged, packed by a codec that is not here, or with text that is none."""
_DATABASE: Final = "registry.sqlite"
"""Read as tables. Closing a file of SQLite's drops the locks that this process has on it, and intake works beside this
(https://www.sqlite.org/howtocorrupt.html, 2.2)."""


def search(
    registry: Registry, probe: Probe, own: str | None, home: Path, beat: Callable[[], None] = lambda: None
) -> Remains:
    """Places in which something is left, by digest, table or path; `own` is the digest of the probe itself.

    Below the state folder stand the suppression list and the ids of workflows, which are keyed hashes: there only texts
    are looked for. Raises Unavailable.
    """
    others = _said_by_others(registry, probe, beat)
    probe = probe.model_copy(update={"texts": tuple(text for text in probe.texts if text not in others)})
    needles, texts, read, shards = _needles(probe), _needles(probe.model_copy(update={"hashes": ()})), 0, 0
    found, gone = list[str](), frozenset({*probe.shards, *probe.former})
    with tempfile.TemporaryDirectory(prefix="assay-search-") as folder:
        for place, path, encrypted in _stored(registry, Path(folder)):
            if place == f"shard {own}":
                continue
            shards += encrypted
            read += path.stat().st_size
            # A decision that was stored names rows by digest, as it must: it is no copy of them.
            destroyed = place.partition(" ")[2] in gone
            if destroyed or _in_file(path, needles) or _in_table(path, needles, probe):
                found.append(place)
            path.unlink()
            beat()
        for path in _files(home):
            try:
                read += path.stat().st_size
                if _in_file(path, texts) or _in_table(path, texts, probe):
                    found.append(f"file {path.relative_to(home)}")
            except FileNotFoundError:
                continue  # scratch of whoever works beside this: gone before it was read
    found += [f"table {table}" for table in registry.mentions_of([*probe.hashes, *probe.rows])]
    searched = ("blobs", "shards", "database", "state folder")
    return Remains(searched=searched, found=tuple(sorted(found)[:_MANY]), bytes=read, shards=shards)


def _needles(probe: Probe) -> Needles:
    """Texts raw and as JSON writes them, with and without letters beyond ASCII."""
    forms: set[bytes] = {one.encode() for one in probe.hashes}
    for text in probe.texts:
        forms |= {text.encode(), json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    return Needles(forms)


def _said_by_others(registry: Registry, probe: Probe, beat: Callable[[], None]) -> set[str]:
    """Those of the texts that stand in rows of others, in any shard that can be read."""
    texts, ids, said = set(probe.texts), frozenset(probe.rows), set[str]()
    with tempfile.TemporaryDirectory(prefix="assay-search-") as folder:
        for digest in sorted(registry.shards.living()) if texts else ():
            reference = Reference(uri=digest.replace("sha256:", "shard:"), sha256=digest)
            with suppress(NotFound, IntegrityRefused, *_UNREADABLE):
                for rows in _rows(registry.shards.fetch_file(reference, Path(folder, "shard"))):
                    of = (row for row in rows if row.get("row_id") not in {None, *ids})
                    said.update(one for row in of for one in _strings(row) if one in texts)
            beat()
    return said


def _stored(registry: Registry, scratch: Path) -> Iterator[tuple[str, Path, bool]]:
    """Every blob as it lies in the store, and once more in the clear where a living key opens it."""
    keys = frozenset(registry.shards.living())
    for digest in registry.blobs.digests():
        path = scratch / "bytes"
        try:
            yield f"blob {digest}", registry.blobs.fetch_file(digest, path), False
            if digest in keys:
                opened = Reference(uri=digest.replace("sha256:", "shard:"), sha256=digest)
                yield f"shard {digest}", registry.shards.fetch_file(opened, path), True
        except (NotFound, IntegrityRefused):
            continue  # destroyed while we looked, or not what its name says: it cannot be used


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


def _in_table(path: Path, needles: Needles, probe: Probe) -> bool:
    """Parquet is compressed: read as rows, and strings as people wrote them, however they were escaped in a column.

    Row ids count here, where a row would stand. A whole table that cannot be read counts as well: nobody can say what
    is in it.
    """
    ids = frozenset(probe.rows)
    try:
        for rows in _rows(path):
            if any(row.get("row_id") in ids for row in rows):
                return True
            if needles.among("\0".join(one for row in rows for one in _strings(row)).encode(errors="replace")):
                return True
    except _UNREADABLE:
        return _is_parquet(path)
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


def _files(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home).parts
        if inside[0].startswith(_DATABASE):
            continue
        if inside[0] not in _SKIPPED and path.is_file() and not path.is_symlink() and "assay-search-" not in str(path):
            yield path

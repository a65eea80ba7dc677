"""A Hugging Face dataset directory, as `Dataset.save_to_disk` writes it, without importing `datasets`.

    state.json          names the data files, in order
    dataset_info.json   features; not needed to read
    data-00000-of-00001.arrow …   Arrow IPC streams

A batch of such a stream is in memory whole, so it may not be packed, nor longer than `BATCH_BYTES`.

The source's digest is that of the sorted list of all files with theirs (RFC 8785), so an added file is seen too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow

from activities.data.readers import columns
from activities.data.readers.arrow_stream import MALFORMED, promised
from activities.data.readers.compressed import LIMITS
from activities.data.readers.files import digest_of, linked, opened, path_of, unchanged, unreadable
from activities.data.readers.place import Record, changed
from assay.contracts.base import canonical_digest
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

STATE: Final = "state.json"
SPLITS: Final = "dataset_dict.json"
STATE_BYTES: Final = 4 << 20
BATCH_BYTES: Final = 256 << 20
"""`save_to_disk` writes a thousand rows a batch: it leaves each of them a quarter of what a row may be."""


def digest(source: Source) -> str:
    """Of names and digests of all files. Raises InputRefused (`HF_DATASET_MALFORMED`; see `files`)."""
    return canonical_digest(_files(source))


def records(source: Source, digest: str) -> Iterator[Record]:
    """Rows in the order of `state.json`.

    Raises InputRefused (`HF_DATASET_MALFORMED`, `COLUMN_UNSUPPORTED`, `ROW_TOO_LONG`; see `files`).
    """
    before = _files(source)
    if canonical_digest(before) != digest:
        raise changed(source, "the directory changed before it was read")
    folder, first = path_of(source), 1
    for name in _named(source, before):
        with unchanged(folder / name, source, before[name]) as file:
            for batch in _batches(file, os.fstat(file.fileno()).st_size, source):
                yield from columns.rows(batch, first, source)
                first += batch.num_rows
    if _files(source) != before:
        raise changed(source, "the directory changed while it was read")


def _batches(file: Any, size: int, source: Source) -> Iterator[pyarrow.RecordBatch]:  # noqa: ANN401  # pyarrow is untyped
    unpacked = 0
    try:
        _refuse_unbounded(file, source)
        with pyarrow.ipc.open_stream(file) as stream:
            columns.readable(stream.schema, source)
            kept = [name for name in stream.schema.names if name not in source.mapping.ignored]
            for batch in stream:
                # Offsets come from the file: unchecked ones would read memory that is not theirs.
                batch.validate(full=True)
                unpacked += batch.nbytes
                if unpacked > max(LIMITS.grace, LIMITS.ratio * size):
                    raise _malformed(source, f"it unpacks to more than {LIMITS.ratio} times its size")
                yield batch.select(kept)
    except columns.BROKEN as error:
        raise _malformed(source, "a data file is no Arrow stream, or is damaged or cut off") from error


def _refuse_unbounded(file: Any, source: Source) -> None:  # noqa: ANN401  # pyarrow is untyped
    """A packed batch unpacks before anything can be said of its size."""
    try:
        said = promised(file)
    except MALFORMED as error:
        raise _malformed(source, "a data file is no Arrow stream, or is damaged or cut off") from error
    if said.packed:
        raise _malformed(source, "a data file is packed inside, which `save_to_disk` never does")
    if said.largest > BATCH_BYTES:
        raise InputRefused(
            "HF_DATASET_MALFORMED",
            f"source {source.name}: a batch of its rows has more than {BATCH_BYTES} bytes",
            "write fewer rows a batch (`datasets.config.DEFAULT_MAX_BATCH_SIZE`), or export it as JSONL",
        )
    file.seek(0)


def _files(source: Source) -> dict[str, str]:
    """Digest by name of every file of the directory. Links and folders inside are refused."""
    folder = path_of(source)
    if folder.is_symlink():
        raise linked(source)
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(source, error) from error
    if any(entry.is_symlink() for entry in entries):
        raise linked(source)
    names = [entry.name for entry in entries]
    if SPLITS in names:
        raise _malformed(source, "it holds several splits")
    if any(entry.is_dir(follow_symlinks=False) for entry in entries):
        raise _malformed(source, "it has folders inside")
    return {name: digest_of(folder / name, source) for name in names}


def _named(source: Source, files: dict[str, str]) -> list[str]:
    """Data files that `state.json` names. A name that leads out of the directory is refused unread."""
    try:
        state = json.loads(_content(path_of(source) / STATE, source)) if STATE in files else None
    except ValueError as error:
        raise _malformed(source, f"{STATE} is no JSON") from error
    state = state if isinstance(state, dict) else {}
    listed = state.get("_data_files")
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise _malformed(source, f"{STATE} names no data files")
    if state.get("_indices_data_files"):
        raise _malformed(source, "rows of it were selected or shuffled and not written anew: `flatten_indices()` first")
    names = [one.get("filename") for one in listed]
    if not all(isinstance(name, str) and name in files for name in names) or len(set(names)) != len(names):
        raise _malformed(source, f"{STATE} names a file that is not in the directory, or one twice")
    return names


def _content(path: Path, source: Source) -> bytes:
    with opened(path, source) as file:
        data = file.read(STATE_BYTES + 1)
    if len(data) > STATE_BYTES:
        raise _malformed(source, f"{STATE} is too large")
    return data


def _malformed(source: Source, what: str) -> InputRefused:
    return InputRefused(
        "HF_DATASET_MALFORMED",
        f"source {source.name}: {what}",
        "name the directory of one split, as `Dataset.save_to_disk` wrote it",
    )

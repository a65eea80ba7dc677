"""JSONL sources, read as a stream: one line in memory at a time, and every fault with its line number.

No message repeats a value of the input: failures are kept in workflow histories, and the input may hold personal data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from activities.data.rows import Row, row_id
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused, NotFound, where

MAX_LINE_BYTES: Final = 1 << 20
"""A row that is longer is no chat. It bounds the memory that one line can take."""


@dataclass(frozen=True)
class ReadRow:
    """A row that is well formed, with its line (from 1) and its id."""

    line: int
    id: str
    row: Row


def source_digest(source: Source) -> str:
    """`sha256:<hex>` of the file's bytes.

    Raises NotFound (`SOURCE_UNREADABLE`), InputRefused (`SOURCE_SCHEME_UNSUPPORTED`, `SOURCE_DIGEST_MISMATCH`).
    """
    with _open(source) as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if source.sha256 and digest != source.sha256:
        raise _changed(source, f"{source.sha256} was promised and {digest} was found")
    return digest


def read_rows(source: Source, digest: str) -> Iterator[ReadRow]:
    """Rows in file order. `digest` is what `source_digest` found: a file that changes meanwhile is refused at its end.

    Raises InputRefused (`JSONL_MALFORMED`, `ENCODING_NOT_UTF8`, `ROW_FIELD_UNKNOWN`, `ROW_MALFORMED`, `ROW_TOO_LONG`,
    `SOURCE_EMPTY`, `SOURCE_DIGEST_MISMATCH`), NotFound (`SOURCE_UNREADABLE`).
    """
    whole, read = hashlib.sha256(), 0
    with _open(source) as file:
        for number, line in _lines(file, source):
            whole.update(line)
            if line.strip():
                read += 1
                yield _parse(line, _Place(source.name, number))
    if "sha256:" + whole.hexdigest() != digest:
        raise _changed(source, "the file changed while it was read")
    if not read:
        raise InputRefused("SOURCE_EMPTY", f"source {source.name} has no rows", "export it again, or leave it out")


@dataclass(frozen=True)
class _Place:
    source: str
    line: int

    def refused(self, code: str, what: str, remedy: str) -> InputRefused:
        return InputRefused(code, f"line {self.line} of source {self.source}: {what}", remedy)


def _lines(file: BufferedReader, source: Source) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise _Place(source.name, number).refused(
                "ROW_TOO_LONG", f"longer than {MAX_LINE_BYTES} bytes", "split the conversation into several rows"
            )
        yield number, line


def _parse(line: bytes, place: _Place) -> ReadRow:
    row = _validated(_json(_text(line, place), place), place)
    try:
        return ReadRow(place.line, row_id(row, place.source), row)
    except ValueError as error:
        raise place.refused(
            "ROW_MALFORMED",
            "it holds a value that has no canonical JSON: half of a surrogate pair, or an integer beyond 2^53",
            "write such integers as strings, and text as whole characters",
        ) from error


def _text(line: bytes, place: _Place) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise place.refused(
            "ENCODING_NOT_UTF8", f"byte {error.start} is not UTF-8", "convert the file to UTF-8, then export it again"
        ) from error
    if text.startswith("\ufeff"):
        raise place.refused("ENCODING_NOT_UTF8", "it begins with a byte order mark", "save the file as plain UTF-8")
    return text


def _json(text: str, place: _Place) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        found = f"it is not JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        found = "it is nested too deeply"
    except ValueError as error:
        found = str(error)
    raise place.refused("JSONL_MALFORMED", found, "repair or remove the line: one whole JSON object a line")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name given twice every reader sees another one: scanner and trainer must see the same."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same field twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _validated(value: object, place: _Place) -> Row:
    try:
        return Row.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [where(fault["loc"]) for fault in faults if fault["type"] == "extra_forbidden"]
    if unknown:
        names = ", ".join(unknown[:10])
        raise place.refused("ROW_FIELD_UNKNOWN", f"unknown field {names}", "remove it, or put it under `meta` as text")
    listed = "; ".join(f"{where(fault['loc']) or 'row'}: {fault['msg']}" for fault in faults[:5])
    raise place.refused("ROW_MALFORMED", listed, "see docs/data.md for the fields of a row")


def _open(source: Source) -> BufferedReader:
    path = _path_of(source)
    try:
        return path.open("rb")
    except OSError as error:
        raise NotFound(
            "SOURCE_UNREADABLE",
            f"source {source.name} cannot be read: {error.strerror}",
            "check `uri`: a path or file URL that the data worker can read",
        ) from error


def _path_of(source: Source) -> Path:
    parts = urlsplit(source.uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in source.uri:
        raise InputRefused(
            "SOURCE_SCHEME_UNSUPPORTED",
            f"source {source.name} is a {parts.scheme} URL",
            "give a path or a file URL of a JSONL file",
        )
    return Path(source.uri)


def _changed(source: Source, how: str) -> InputRefused:
    return InputRefused(
        "SOURCE_DIGEST_MISMATCH",
        f"source {source.name}: {how}",
        "export it once more, and give the digest of exactly these bytes",
    )

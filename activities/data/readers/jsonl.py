"""JSONL sources, read as a stream: one line in memory at a time, and every fault with its line number."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, RawIOBase

from activities.data.readers.compressed import unpacked
from activities.data.readers.files import digest_of, opened, path_of
from activities.data.readers.place import MAX_LINE_BYTES, Place, Record, too_long
from activities.data.strict_json import from_json
from assay.contracts.data import Source

__all__ = ["digest", "parsed", "records"]


def digest(source: Source) -> str:
    """Of the file's bytes, compressed as they are."""
    return digest_of(path_of(source), source)


def records(source: Source, digest: str) -> Iterator[Record]:
    """Lines that are not blank. Raises InputRefused (`ROW_TOO_LONG`; see `files`, `compressed`)."""
    with opened(path_of(source), source) as file, unpacked(file, source, digest) as content:
        yield from (Record(number, line) for number, line in lines(content, source) if line.strip())


def lines(content: BufferedReader[RawIOBase], source: Source) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, each with its line break. Raises InputRefused (`ROW_TOO_LONG`)."""
    number = 0
    while line := content.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise too_long(Place(source.name, number))
        yield number, line


def parsed(line: bytes, place: Place) -> object:
    """The line as plain data. Raises InputRefused (`ENCODING_NOT_UTF8`, `JSONL_MALFORMED`)."""
    text = decoded(line, place)
    try:
        return from_json(text)
    except ValueError as error:
        raise place.refused(
            "JSONL_MALFORMED", str(error), "repair or remove the line: one whole JSON object a line"
        ) from error


def decoded(line: bytes, place: Place) -> str:
    """UTF-8 without a byte order mark. Raises InputRefused (`ENCODING_NOT_UTF8`)."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise place.refused(
            "ENCODING_NOT_UTF8", f"byte {error.start} is not UTF-8", "convert the file to UTF-8, then export it again"
        ) from error
    if text.startswith("\ufeff"):
        raise place.refused("ENCODING_NOT_UTF8", "it begins with a byte order mark", "save the file as plain UTF-8")
    return text

"""Compressed files as a stream of bounded size: told by their first bytes, never by their names.

gzip, bzip2, xz, Zstandard, and a zip archive with one member. What unpacks to far more than any text does, or to more
than a worker should read, is refused while it is unpacked: nothing ever holds the whole.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow

from activities.data.readers.files import Hashed
from activities.data.readers.place import changed
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused

CHUNK: Final = 1 << 16
WINDOW_BYTES: Final = 128 << 20
"""Memory that an archive may ask its decompressor for: Zstandard's own limit, and twice what xz -9 takes."""


@dataclass(frozen=True)
class Limits:
    """`ratio` counts once `grace` bytes are unpacked: short files of one repeated row compress well, and harm nobody.

    JSON text shrinks to a fifth, and repetitive logs to a fiftieth; a bomb begins at a thousandth.
    """

    ratio: int = 200
    grace: int = 16 << 20
    most: int = 256 << 30


LIMITS: Final = Limits()
XZ: Final = b"\xfd7zXZ\x00"
ZIP: Final = b"PK\x03\x04"
ARROW_CODECS: Final = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
BROKEN: Final = (lzma.LZMAError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What the decompressors raise for damaged archives; the last two are a zip's unknown method and its encryption."""


class Reads(Protocol):
    """Anything that gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with these (six or more) bytes is compressed."""
    return head.startswith((XZ, ZIP, *ARROW_CODECS))


@contextmanager
def unpacked(
    file: io.BufferedReader, source: Source, digest: str, limits: Limits = LIMITS
) -> Iterator[io.BufferedReader[io.RawIOBase]]:
    """A file's content as a stream; at its end the file's own bytes must be those of `digest`.

    Raises InputRefused (`ARCHIVE_MALFORMED`, `ARCHIVE_BOMB`, `SOURCE_DIGEST_MISMATCH`), also from `read`.
    """
    head, whole = file.read(6), Hashed(file)
    file.seek(0)
    bounded = _Bounded(_stream(head, file, whole, source), file, source, limits)
    raw: io.RawIOBase = bounded if is_compressed(head) else _Plain(whole)
    with io.BufferedReader(raw, CHUNK) as content:
        yield content
    if head.startswith(ZIP):
        file.seek(0)  # the archive's directory is at its end: it was not read in order, and not hashed on the way
    if whole.digest() != digest:
        raise changed(source, "the file changed while it was read")


def _stream(head: bytes, file: io.BufferedReader, whole: Hashed, source: Source) -> Reads:
    if head.startswith(ZIP):
        return _zip_member(file, source)
    if head.startswith(XZ):
        return _Xz(whole)
    codec = next((name for magic, name in ARROW_CODECS.items() if head.startswith(magic)), None)
    return pyarrow.CompressedInputStream(pyarrow.PythonFile(whole, mode="r"), codec) if codec else whole


def _zip_member(file: io.BufferedReader, source: Source) -> Reads:
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
        if len(members) != 1 or members[0].is_dir():
            raise _malformed(source, "a zip archive holds one file and nothing else")
        return archive.open(members[0])
    except BROKEN as error:
        raise _malformed(source, "it is a damaged or encrypted zip archive") from error


class _Xz:
    """lzma.LZMAFile with a limit to the memory that the archive may ask for."""

    def __init__(self, packed: Reads) -> None:
        self._packed = packed
        self._inner = self._started()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes. Raises LZMAError, EOFError."""
        while True:
            if self._inner.eof:
                rest = self._inner.unused_data or self._packed.read(CHUNK)
                if not rest:
                    return b""
                self._inner = self._started()
            else:
                rest = self._packed.read(CHUNK) if self._inner.needs_input else b""
                if self._inner.needs_input and not rest:
                    raise EOFError
            if data := self._inner.decompress(rest, size):
                return data

    @staticmethod
    def _started() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW_BYTES)


class _Plain(io.RawIOBase):
    """A stream as the raw part of a buffered reader."""

    def __init__(self, stream: Reads) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io passes a memoryview
        """Fill the buffer as far as one read goes."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Bounded(_Plain):
    """Counts what comes out of an archive against what went in."""

    def __init__(self, stream: Reads, packed: io.BufferedReader, source: Source, limits: Limits) -> None:
        super().__init__(stream)
        self._packed, self._source, self._limits, self._count = packed, source, limits, 0

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io passes a memoryview
        """Raises InputRefused (`ARCHIVE_MALFORMED`, `ARCHIVE_BOMB`)."""
        try:
            size = super().readinto(buffer)
        except BROKEN as error:
            raise _malformed(self._source, "it is damaged, cut off, or asks for more memory than it may") from error
        self._count += size
        # A decompressor reads ahead, so this is lenient by less than a megabyte.
        allowed = max(self._limits.grace, self._limits.ratio * self._packed.tell())
        if self._count > min(allowed, self._limits.most):
            raise _bomb(self._source, self._limits)
        return size


def _malformed(source: Source, what: str) -> InputRefused:
    return InputRefused(
        "ARCHIVE_MALFORMED",
        f"source {source.name} is compressed, and {what}",
        "compress it again with gzip, bzip2, xz or zstd, or put the one file into a zip archive",
    )


def _bomb(source: Source, limits: Limits) -> InputRefused:
    return InputRefused(
        "ARCHIVE_BOMB",
        f"source {source.name} unpacks to more than {limits.ratio} times its size, or {limits.most >> 30} GiB",
        "split it into smaller files, or export it without compression",
    )

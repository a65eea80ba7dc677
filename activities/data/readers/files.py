"""Opening what a source names: regular files only, never through a link, and noticing that they change.

A link may be pointed elsewhere after the contract was checked, and a device or a pipe never ends.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from activities.data.readers.place import changed
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused, NotFound

CHUNK: Final = 1 << 20


def path_of(source: Source) -> Path:
    """Where the source's bytes are. Raises InputRefused (`SOURCE_SCHEME_UNSUPPORTED`)."""
    parts = urlsplit(source.uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in source.uri:
        raise InputRefused(
            "SOURCE_SCHEME_UNSUPPORTED",
            f"source {source.name} is a {parts.scheme} URL",
            "give a path or a file URL; a database takes `query` and a SQLAlchemy URL",
        )
    return Path(source.uri)


@contextmanager
def opened(path: Path, source: Source) -> Iterator[BufferedReader]:
    """The regular file at `path`.

    Raises NotFound (`SOURCE_UNREADABLE`), InputRefused (`SOURCE_SYMLINK`, `SOURCE_NOT_A_FILE`).
    """
    try:
        # Not blocking: opening a pipe would wait for somebody to write into it.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise linked(source) from error
        raise unreadable(source, error) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputRefused(
            "SOURCE_NOT_A_FILE",
            f"source {source.name} names a directory, a pipe or a device where a file is read",
            "name a regular file, or a directory that `save_to_disk` wrote with `format: hf-dataset`",
        )
    with os.fdopen(handle, "rb") as file:
        yield file


def linked(source: Source) -> InputRefused:
    """A symbolic link stands where a file is read."""
    return InputRefused(
        "SOURCE_SYMLINK",
        f"source {source.name} is a symbolic link, or has one inside",
        "name the file itself, or copy what the link points to: a link may point elsewhere tomorrow",
    )


def unreadable(source: Source, error: OSError) -> NotFound:
    """The operating system gives no bytes."""
    return NotFound(
        "SOURCE_UNREADABLE",
        f"source {source.name} cannot be read: {error.strerror}",
        "check `uri`: a path or file URL that the data worker can read",
    )


def digest_of(path: Path, source: Source) -> str:
    """`sha256:<hex>` of a file's bytes. Raises as `opened`."""
    with opened(path, source) as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def unchanged(path: Path, source: Source, digest: str) -> Iterator[BufferedReader]:
    """A file for readers that jump about in it: at the end its bytes are hashed again, and its times are compared.

    Raises InputRefused (`SOURCE_DIGEST_MISMATCH`), and as `opened`.
    """
    with opened(path, source) as file:
        before = _times(file)
        yield file
        file.seek(0)
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        # Times too: bytes that were changed and changed back were read meanwhile.
        if found != digest or _times(file) != before:
            raise changed(source, "the file changed while it was read")


def _times(file: BufferedReader) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Hashed:
    """A binary file that is read once from its beginning to its end, and hashed on the way."""

    def __init__(self, file: BufferedReader) -> None:
        self._file, self._whole = file, hashlib.sha256()
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        data = self._file.read(size)
        self._whole.update(data)
        return data

    def close(self) -> None:
        """Nothing: whoever opened the file closes it. Readers of archives ask for this."""

    def digest(self) -> str:
        """`sha256:<hex>` of the whole file, what nobody asked for included."""
        while self.read(CHUNK):
            pass
        return "sha256:" + self._whole.hexdigest()

"""Temporary files of a process below the state folder: what a killed process left there is removed by the next one.

Otherwise each kill would leave rows of a source or a half-written adapter in the system's temporary folder, for ever.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOCK: Final = ".lock"
"""Held as long as the process lives, however it ends: that is how a folder in use is told from one left behind."""


@contextmanager
def scratch(home: Path, name: str) -> Iterator[Path]:
    """Within this block, `tempfile` of this process uses a folder of its own.

    Programs that it starts keep theirs: a socket's path has to be short.
    """
    root = home.resolve() / "scratch"
    root.mkdir(parents=True, exist_ok=True)
    with _held(root):
        for left in _left_behind(root):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
        lock = _locked(folder)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def _held(root: Path) -> Iterator[None]:
    """One process at a time: a folder is never seen between its making and its lock."""
    lock = _locked(root)
    try:
        yield
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _left_behind(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not _in_use(path)]


def _in_use(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

"""Adapters on disk: immutable, read-only, at content-addressed paths. The digest, not a name, is what is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused
from registry.root_digest import root_digest

Seen = Mapping[str, tuple[int, ...]]
"""Path to inode, size and times of every file. Nobody but root can write a file and leave its change time as it was."""


class Trees(Protocol):
    """The part of the blob store that is needed here."""

    def fetch_tree(self, reference: Reference, target: Path) -> Path:
        """Write a stored tree to `target`, atomically, every file's digest checked, files read-only."""
        ...


class AdapterStore:
    """`{home}/adapters/sha256-<hex>/`: one read-only directory per adapter."""

    def __init__(self, home: Path, blobs: Trees) -> None:
        self._root = (home / "adapters").resolve()
        self._blobs = blobs

    def path(self, digest: str) -> Path:
        """Where an adapter of this digest stands, or would stand."""
        return self._root / digest.replace(":", "-")

    def materialise(self, digest: str, files: Reference) -> Path:
        """The directory whose bytes hash to `digest`; hashed again at each call, since an engine reads from disk.

        Raises IntegrityRefused (`ADAPTER_TAMPERED`), NotFound.
        """
        target = self.path(digest)
        if target.is_symlink():
            raise IntegrityRefused(
                "ADAPTER_TAMPERED", f"{target.name} is a link to somewhere else", "remove the link; it is written again"
            )
        if not target.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            self._blobs.fetch_tree(files, target)
        found = root_digest(target)
        if found != digest:
            raise IntegrityRefused(
                "ADAPTER_TAMPERED",
                f"the adapter at {target.name} hashes to {found}, not to its name",
                "remove the directory; it is written again from the blob store",
            )
        return target

    def discard(self, digest: str) -> bool:
        """Remove an adapter from this disk: an engine told to read it finds nothing. False when none is there."""
        target = self.path(digest)
        if not target.is_dir() or target.is_symlink():
            return False
        target.chmod(0o755)
        shutil.rmtree(target)
        return True

    def look(self, directory: Path) -> Seen:
        """What every file there looks like from outside."""
        found = {}
        for path in directory.rglob("*"):
            stat = path.lstat()
            found[path.relative_to(directory).as_posix()] = (
                stat.st_ino,
                stat.st_mode,
                stat.st_size,
                stat.st_mtime_ns,
                stat.st_ctime_ns,
            )
        return found

    def refuse_changed(self, directory: Path, seen: Seen) -> None:
        """Raises IntegrityRefused (`ADAPTER_TAMPERED`) when a file was touched since that look: an engine read it."""
        if self.look(directory) != seen:
            raise IntegrityRefused(
                "ADAPTER_TAMPERED",
                f"the adapter at {directory.name} was written to between its check and its load",
                "find out who can write there; remove the directory, it is written again from the blob store",
            )

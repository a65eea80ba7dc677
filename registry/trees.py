"""Directories as blobs: a listing of relative paths, digests and sizes, written back whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import Field, ValidationError

from assay.contracts.base import Digest, Message, Reference
from assay.contracts.errors import InputRefused, IntegrityRefused

_WEIGHTS: Final = (".safetensors", "optimizer.pt")
"""Files that are made of rows. Others may be the same in a clean adapter, and are stored once."""


class Entry(Message):
    """One file of a tree."""

    path: str
    sha256: Digest
    size: int = Field(ge=0)


class Tree(Message):
    """The files of a directory, sorted by path."""

    files: tuple[Entry, ...] = Field(min_length=1)


def listing(directory: Path, put_file: Callable[[Path], Reference]) -> bytes:
    """Store every file with `put_file`; the bytes of the listing. Same directory, same bytes.

    Raises InputRefused (`TREE_SYMLINK`, `TREE_SPECIAL_FILE`, `TREE_EMPTY`): what a link leads to can change later.
    """
    files = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            raise InputRefused("TREE_SYMLINK", f"{path.name} is a symbolic link", "copy the file in its place")
        if path.is_file():
            name = path.relative_to(directory).as_posix()
            files.append({"path": name, "sha256": put_file(path).sha256, "size": path.stat().st_size})
        elif not path.is_dir():
            raise InputRefused("TREE_SPECIAL_FILE", f"{path.name} is neither file nor folder", "take it out")
    if not files:
        raise InputRefused("TREE_EMPTY", f"{directory.name} holds no files", "give a directory with files")
    return json.dumps({"files": files}, sort_keys=True, separators=(",", ":")).encode()


def parse(data: bytes) -> Tree:
    """A listing. Raises IntegrityRefused (`TREE_MALFORMED`) for one that could write outside of its target."""
    try:
        tree = Tree.model_validate_json(data)
    except ValidationError as error:
        raise _malformed("it is not a stored tree") from error
    names = [entry.path for entry in tree.files]
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    if not all(map(_stays_inside, names)):
        raise _malformed("a path leads outside")
    if len(set(names)) < len(names) or folders & set(names):
        raise _malformed("a path stands in it twice")
    return tree


def weights(tree: Tree) -> tuple[str, ...]:
    """Digests of the files that are made of rows: they go with the rows."""
    return tuple(entry.sha256 for entry in tree.files if entry.path.endswith(_WEIGHTS))


def write(tree: Tree, target: Path, fetch_file: Callable[[str, Path], Path]) -> Path:
    """Write every file with `fetch_file` beside `target`, then rename. Files 0444, directories 0555.

    Raises IntegrityRefused (`TREE_OTHER`) when `target` is there and holds something else.
    """
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tree-"))
        try:
            for entry in tree.files:
                fetch_file(entry.sha256, staging / entry.path).chmod(0o444)
            for folder in (*_folders(staging), staging):
                folder.chmod(0o555)
            if _rename(staging, target):
                return target
        finally:
            remove(staging)
    if _digests(target) != {entry.path: entry.sha256 for entry in tree.files}:
        raise IntegrityRefused(
            "TREE_OTHER", f"{target.name} is there and holds something else", "remove it; it is written again"
        )
    return target


def _rename(staging: Path, target: Path) -> bool:
    try:
        staging.rename(target)
    except OSError:
        if not target.exists():
            raise
        return False  # somebody else wrote it first
    return True


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = path.as_posix() == name and name != "." and "\\" not in name and "\0" not in name
    return plain and not path.is_absolute() and ".." not in path.parts


def _digests(directory: Path) -> dict[str, str]:
    """Path to digest of what stands there; a link counts as its own wrong digest."""
    found = {}
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink():
            found[name] = "symlink"
        elif path.is_file():
            with path.open("rb") as file:
                found[name] = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return found


def _folders(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_dir() and not path.is_symlink()]


def remove(directory: Path) -> None:
    """Delete a directory, also one that stands read-only as `write` leaves it. Raises OSError."""
    if directory.exists():
        for folder in (directory, *_folders(directory)):
            folder.chmod(0o755)
        shutil.rmtree(directory)


def _malformed(why: str) -> IntegrityRefused:
    return IntegrityRefused(
        "TREE_MALFORMED", f"the blob is no tree: {why}", "give the reference that put_tree returned"
    )

"""The identity of a directory of weights: the root digest of the OpenSSF Model Signing format.

SHA-256 over the raw SHA-256 digests of all files, concatenated in the order of their relative paths, folder by folder.
It is what `model_signing` states as the subject of its signature, so the same digest names a model in the store, in
signatures, in statements and in the engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from assay.contracts.errors import IntegrityRefused


def root_digest(directory: Path) -> str:
    """`sha256:<hex>` of a directory.

    Raises IntegrityRefused (`TREE_SYMLINK`, `TREE_EMPTY`): a link's target could change behind the digest.
    """
    digests = {}
    for name, path in tree_files(directory).items():
        with path.open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").digest()
    return root_of(digests)


def tree_files(directory: Path) -> dict[str, Path]:
    """Every file by its relative path. Raises IntegrityRefused (`TREE_SYMLINK`, `TREE_EMPTY`)."""
    found: dict[str, Path] = {}
    for path in directory.rglob("*"):
        if path.is_symlink():
            raise IntegrityRefused("TREE_SYMLINK", f"{path.name} is a symbolic link", "copy the file in its place")
        if path.is_file():
            found[path.relative_to(directory).as_posix()] = path
    if not found:
        raise IntegrityRefused("TREE_EMPTY", f"{directory.name} holds no files", "give the directory of the weights")
    return found


def root_of(digests: Mapping[str, bytes]) -> str:
    """`sha256:<hex>` of files whose raw SHA-256 digests are known, by relative path."""
    whole = hashlib.sha256()
    for name in sorted(digests, key=lambda name: name.split("/")):
        whole.update(digests[name])
    return "sha256:" + whole.hexdigest()

"""The identity of a directory of weights: the root digest of the OpenSSF Model Signing format.

SHA-256 over the raw SHA-256 digests of all files, concatenated in the order of their relative paths, folder by folder.
It is what `model_signing` states as the subject of its signature, so the same digest names a model in the store, in
signatures, in statements and in the engine.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from assay.contracts.errors import IntegrityRefused


def root_digest(directory: Path) -> str:
    """`sha256:<hex>` of a directory.

    Raises IntegrityRefused (`TREE_SYMLINK`, `TREE_EMPTY`): a link's target could change behind the digest.
    """
    found: dict[str, Path] = {}
    for path in directory.rglob("*"):
        if path.is_symlink():
            raise IntegrityRefused("TREE_SYMLINK", f"{path.name} is a symbolic link", "copy the file in its place")
        if path.is_file():
            found[path.relative_to(directory).as_posix()] = path
    if not found:
        raise IntegrityRefused("TREE_EMPTY", f"{directory.name} holds no files", "give the directory of the weights")
    whole = hashlib.sha256()
    for name in sorted(found, key=lambda name: name.split("/")):
        with found[name].open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return "sha256:" + whole.hexdigest()

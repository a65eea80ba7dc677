"""The content-addressed blob store: written once, named by SHA-256, checked at every read.

On obstore: a local directory by default, S3, GCS or Azure by URL, with the same conditional create.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from assay.contracts.base import Reference
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound, Unavailable

_CHUNK = 8 * 1024 * 1024


class BlobStore:
    """Bytes by digest. `put*` never overwrites; `get*` never returns bytes of another digest."""

    def __init__(self, store: Any) -> None:  # noqa: ANN401  # obstore's stores share no public base class
        self._store = store

    @classmethod
    def open(cls, url: str) -> BlobStore:
        """Open by obstore URL; a local directory (`file://`) is made when absent."""
        if url.startswith("file://"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        return cls(from_url(url))

    def put(self, data: bytes) -> Reference:
        """Store bytes; storing them twice stores them once. Raises Unavailable."""
        digest = hashlib.sha256(data).hexdigest()
        self._create(digest, data)
        return _reference(digest)

    def put_file(self, path: Path) -> Reference:
        """Store a file, streamed. Raises Unavailable."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not self._exists(digest):
            self._create(digest, path)
        return _reference(digest)

    def put_tree(self, directory: Path) -> Reference:
        """Store a directory: its files, and a JSON listing of relative paths, digests and sizes (the reference).

        Raises InputRefused (`TREE_SYMLINK`, `TREE_EMPTY`), Unavailable.
        """
        files = []
        for path in sorted(directory.rglob("*")):
            if path.is_symlink():
                raise InputRefused("TREE_SYMLINK", f"{path.name} is a symbolic link", "copy the file in its place")
            if path.is_file():
                name = path.relative_to(directory).as_posix()
                files.append({"path": name, "sha256": self.put_file(path).sha256, "size": path.stat().st_size})
        if not files:
            raise InputRefused("TREE_EMPTY", f"{directory.name} holds no files", "give a directory with files")
        return self.put(json.dumps({"files": files}, sort_keys=True, separators=(",", ":")).encode())

    def get(self, what: Reference | str) -> bytes:
        """The bytes of a reference or digest.

        Raises NotFound (`BLOB_UNKNOWN`), IntegrityRefused (`BLOB_TAMPERED`), Unavailable.
        """
        digest = _digest(what)
        try:
            data = bytes(obstore.get(self._store, _key(digest)).bytes())
        except FileNotFoundError as error:
            raise _unknown(digest) from error
        except BaseError as error:
            raise _away(error) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _tampered(digest)
        return data

    def fetch_file(self, what: Reference | str, target: Path) -> Path:
        """Write a blob to `target`, streamed and checked before it appears there under its name.

        Raises NotFound, IntegrityRefused, Unavailable.
        """
        digest = _digest(what)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".fetch-")
        try:
            with os.fdopen(handle, "wb") as file:
                found = self._stream(digest, file)
                file.flush()
                os.fsync(file.fileno())
            if found != digest:
                raise _tampered(digest)
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
        return target

    def fetch_tree(self, what: Reference | str, target: Path) -> Path:
        """Write a stored tree to `target`, which appears whole or not at all: files 0444, directories 0555.

        Raises IntegrityRefused (`TREE_MALFORMED` for a path that leads outside), NotFound, Unavailable.
        """
        listing = _parse_tree(self.get(what))
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tree-"))
        try:
            for name, digest in listing:
                self.fetch_file(digest, staging / name).chmod(0o444)
            for folder in (*(p for p in staging.rglob("*") if p.is_dir()), staging):
                folder.chmod(0o555)
            staging.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        finally:
            _remove(staging)
        return target

    def has(self, what: Reference | str) -> bool:
        """Whether the store holds it. Raises Unavailable."""
        return self._exists(_digest(what))

    def _create(self, digest: str, data: bytes | Path) -> None:
        try:
            obstore.put(self._store, _key(digest), data, mode="create")
        except AlreadyExistsError:
            return
        except BaseError as error:
            raise _away(error) from error

    def _exists(self, digest: str) -> bool:
        try:
            obstore.head(self._store, _key(digest))
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise _away(error) from error
        return True

    def _stream(self, digest: str, file: Any) -> str:  # noqa: ANN401  # any binary file
        whole = hashlib.sha256()
        try:
            for chunk in obstore.get(self._store, _key(digest)).stream(min_chunk_size=_CHUNK):
                whole.update(chunk)
                file.write(chunk)
        except FileNotFoundError as error:
            raise _unknown(digest) from error
        except BaseError as error:
            raise _away(error) from error
        return whole.hexdigest()


def _reference(digest: str) -> Reference:
    return Reference(uri=f"blob:{digest}", sha256=f"sha256:{digest}")


def _digest(what: Reference | str) -> str:
    text = what.sha256 if isinstance(what, Reference) else what
    return text.removeprefix("sha256:").removeprefix("blob:")


def _key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _parse_tree(data: bytes) -> list[tuple[str, str]]:
    try:
        entries = [(str(entry["path"]), str(entry["sha256"])) for entry in json.loads(data)["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed("it is not a stored tree") from error
    for name, _ in entries:
        parts = Path(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name:
            raise _malformed("a path leads outside")
    return entries


def _remove(folder: Path) -> None:
    if folder.exists():
        for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
            path.chmod(0o755)
        shutil.rmtree(folder)


def _malformed(why: str) -> IntegrityRefused:
    return IntegrityRefused(
        "TREE_MALFORMED", f"the blob is no tree: {why}", "give the reference that put_tree returned"
    )


def _unknown(digest: str) -> NotFound:
    return NotFound("BLOB_UNKNOWN", f"no blob sha256:{digest}", "check ASSAY_BLOB_URL: is it the store it was put in?")


def _tampered(digest: str) -> IntegrityRefused:
    return IntegrityRefused(
        "BLOB_TAMPERED",
        f"the bytes stored as sha256:{digest} hash to something else",
        "restore the blob from a backup; nothing derived from it may be used",
    )


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        "BLOB_STORE_UNREACHABLE", f"the blob store failed: {type(error).__name__}", "check ASSAY_BLOB_URL"
    )

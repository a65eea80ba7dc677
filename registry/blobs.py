"""The content-addressed blob store: written once, named by SHA-256, checked at every read.

On obstore: a local directory by default, S3, GCS or Azure by URL, with the same conditional create.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore import Bytes
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, from_url

from assay.contracts.base import Reference
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound, Unavailable
from assay.telemetry import meters
from registry import trees

if TYPE_CHECKING:
    from obstore.store import ClientConfig  # a type alone

_CHUNK = 8 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")
CONNECT: Final = timedelta(seconds=5)
SILENCE: Final = timedelta(seconds=60)
"""How long a store over the network may say nothing."""
WHOLE: Final = timedelta(hours=1)
"""How long one request may take: 5 GB, the most that a create-only put can carry, at 1.4 MB a second."""
_INSTANCE_METADATA = "/latest/api/token"
"""Path that obstore asks last, when nothing else gave credentials."""
TRIES: Final = timedelta(seconds=30)
"""How long a request is tried again here. After that the workflow does it, where people can see it."""


class BlobStore:
    """Bytes by digest. `put*` never overwrites; `get*` never returns bytes of another digest."""

    def __init__(self, store: ObjectStore, bulk: ObjectStore | None = None) -> None:
        """`bulk` is the same store for large uploads, during which a server has nothing to say."""
        self._store, self._bulk = store, bulk or store

    @classmethod
    def open(cls, url: str) -> BlobStore:
        """Open by obstore URL; a local directory (`file://`) is made when absent.

        Raises InputRefused (`BLOB_URL_MALFORMED`), Unavailable (`BLOB_STORE_UNREACHABLE`).
        """
        try:
            if url.startswith("file:"):
                Path(url2pathname(urlsplit(url).path)).mkdir(parents=True, exist_ok=True)
                return cls(from_url(url))
            return cls(_over_network(url, SILENCE), _over_network(url))
        except OSError as error:
            raise _away(error) from error
        except (BaseError, ValueError) as error:
            raise InputRefused(
                "BLOB_URL_MALFORMED", f"no blob store can be opened at {url}", "set ASSAY_BLOB_URL to file://, s3:// …"
            ) from error

    def put(self, data: bytes) -> Reference:
        """Store bytes; storing them twice stores them once. Raises Unavailable."""
        reference = reference_to(data)
        self._create(_digest(reference), data)
        return reference

    def put_file(self, path: Path, expected: str | None = None) -> Reference:
        """Store a file, at most 5 GB where the store is S3 (create-only puts cannot be split into parts).

        Raises InputRefused (`FILE_CHANGED`) when somebody wrote to it meanwhile, or when it is not the `expected`
        bytes any more: then nothing is stored. Unavailable.
        """
        before, digest = _state(path), _digest(reference_of(path))
        if expected is not None and digest != _digest(expected):
            raise _changed(path)
        # A name that holds other bytes could never be repaired, since nothing is overwritten: take it back.
        if not self.has(digest) and self._create(digest, path) and _state(path) != before:
            obstore.delete(self._store, _key(digest))
            raise _changed(path)
        return _reference(digest)

    def put_tree(self, directory: Path) -> Reference:
        """Store a directory: its files, and a listing of them (the reference). Empty folders are not kept.

        Raises InputRefused (`TREE_SYMLINK`, `TREE_SPECIAL_FILE`, `TREE_EMPTY`, `FILE_CHANGED`), Unavailable.
        """
        return self.put(trees.listing(directory, self.put_file))

    def get(self, what: Reference | str) -> bytes:
        """The bytes of a reference or digest.

        Raises NotFound (`BLOB_UNKNOWN`), IntegrityRefused (`BLOB_TAMPERED`), InputRefused (`DIGEST_MALFORMED`),
        Unavailable.
        """
        digest = _digest(what)
        try:
            data = bytes(obstore.get(self._store, _key(digest)).bytes())
        except FileNotFoundError as error:
            raise _unknown(digest, error) from error
        except BaseError as error:
            raise _away(error) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _tampered(digest)
        return data

    def fetch_file(self, what: Reference | str, target: Path) -> Path:
        """Write a blob to `target`, streamed, and checked before it appears there under its name.

        Raises what `get` raises.
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

        A target that is there already is compared instead. Raises IntegrityRefused (`TREE_MALFORMED` for a path that
        leads outside, `TREE_OTHER` when the target holds something else) and what `get` raises.
        """
        return trees.write(trees.parse(self.get(what)), target, self.fetch_file)

    def has(self, what: Reference | str) -> bool:
        """Whether the store holds it. Raises InputRefused (`DIGEST_MALFORMED`), Unavailable."""
        try:
            obstore.head(self._store, _key(_digest(what)))
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise _away(error) from error
        return True

    def remove(self, what: Reference | str) -> None:
        """Take a blob out of the store, as erasure must; nothing happens when it is not there.

        Raises InputRefused (`DIGEST_MALFORMED`), Unavailable.
        """
        try:
            obstore.delete(self._store, _key(_digest(what)))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _away(error) from error

    def digests(self) -> Iterator[str]:
        """Every blob that is there, as `sha256:<hex>`. Raises Unavailable."""
        try:
            for batch in obstore.list(self._store, "sha256/"):
                yield from (f"sha256:{name}" for one in batch if _HEX.fullmatch(name := one["path"].rpartition("/")[2]))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _away(error) from error

    def _create(self, digest: str, data: bytes | Path) -> bool:
        """True when it was created, False when it was there."""
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        try:
            obstore.put(self._bulk if size > _CHUNK else self._store, _key(digest), data, mode="create")
        except AlreadyExistsError:
            return False
        except FileNotFoundError as error:
            raise _nowhere(error) from error
        except BaseError as error:
            raise _away(error) from error
        return True

    def _stream(self, digest: str, file: IO[bytes]) -> str:
        whole = hashlib.sha256()
        try:
            for chunk in self._parts(_key(digest)):
                whole.update(chunk)
                file.write(chunk)
        except FileNotFoundError as error:
            raise _unknown(digest, error) from error
        except BaseError as error:
            raise _away(error) from error
        return whole.hexdigest()

    def _parts(self, key: str) -> Iterator[Bytes]:
        """The bytes of one object in order. Of a local file in ranges: obstore's stream reads one five times slower."""
        if not isinstance(self._store, LocalStore):
            yield from obstore.get(self._store, key).stream(min_chunk_size=_CHUNK)
            return
        size = obstore.head(self._store, key)["size"]
        for start in range(0, size, _CHUNK):
            yield obstore.get_range(self._store, key, start=start, length=min(_CHUNK, size - start))


def reference_of(path: Path) -> Reference:
    """What `put_file` would return, without storing anything."""
    with path.open("rb") as file:
        return _reference(hashlib.file_digest(file, "sha256").hexdigest())


def reference_to(data: bytes) -> Reference:
    """What `put` would return, without storing anything."""
    return _reference(hashlib.sha256(data).hexdigest())


def _changed(path: Path) -> InputRefused:
    return InputRefused("FILE_CHANGED", f"{path.name} changed while it was stored", "store it when it is whole")


def _reference(digest: str) -> Reference:
    return Reference(uri=f"blob:{digest}", sha256=f"sha256:{digest}")


def _digest(what: Reference | str) -> str:
    text = what.sha256 if isinstance(what, Reference) else what
    digest = text.removeprefix("sha256:").removeprefix("blob:")
    if not _HEX.fullmatch(digest):
        raise InputRefused("DIGEST_MALFORMED", f"{text!r} is no SHA-256 digest", "give sha256:<64 hex digits>")
    return digest


def _key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _over_network(url: str, silence: timedelta | None = None) -> ObjectStore:
    # Options replace all that the environment says about the connection, so what is said there is said again.
    options: ClientConfig = {"connect_timeout": CONNECT, "timeout": WHOLE, "allow_http": _may_be_plain()}
    if silence is not None:
        options["read_timeout"] = silence
    return from_url(url, client_options=options, retry_config={"retry_timeout": TRIES})


def _may_be_plain() -> bool:
    """Whether http:// will do: on this machine, and where AWS_ALLOW_HTTP says so. Bytes are checked anyhow."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    said = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes")
    return said or urlsplit(endpoint).hostname in ("127.0.0.1", "::1", "localhost")


def _unknown(digest: str, error: Exception) -> NotFound | Unavailable:
    if "NoSuchBucket" in str(error):
        return _nowhere(error)
    return NotFound("BLOB_UNKNOWN", f"no blob sha256:{digest}", "check ASSAY_BLOB_URL: is it the store it was put in?")


def _tampered(digest: str) -> IntegrityRefused:
    meters.BLOBS_TAMPERED.add()
    return IntegrityRefused(
        "BLOB_TAMPERED",
        f"the bytes stored as sha256:{digest} hash to something else",
        "restore the blob from a backup; nothing derived from it may be used",
    )


def _nowhere(error: Exception) -> Unavailable:
    """A folder or bucket that is not there: a mount that is late, a bucket that somebody will make."""
    meters.BLOB_ERRORS.add()
    return Unavailable(
        "BLOB_BUCKET_UNKNOWN",
        f"the blob store is not there: {_first_line(error)}",
        "make the bucket (the folder), or correct ASSAY_BLOB_URL, AWS_ENDPOINT_URL and AWS_REGION",
    )


def _away(error: Exception) -> Unavailable:
    """Everything that can be mended while a workflow waits, credentials that ran out among it."""
    meters.BLOB_ERRORS.add()
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return Unavailable(
            "BLOB_STORE_FORBIDDEN",
            f"the blob store refused these credentials: {_first_line(error)}",
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do (get, head and put objects)",
        )
    if _INSTANCE_METADATA in str(error):
        return Unavailable(
            "BLOB_STORE_WITHOUT_CREDENTIALS",
            "the environment names no credentials for the blob store, and this machine is not given any by its cloud",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the cloud's own variables) for every worker",
        )
    return Unavailable(
        "BLOB_STORE_UNREACHABLE",
        f"the blob store failed: {type(error).__name__}: {_first_line(error)}",
        "check ASSAY_BLOB_URL and AWS_ENDPOINT_URL; http:// needs AWS_ALLOW_HTTP=true",
    )


def _first_line(error: Exception) -> str:
    """Requests are signed in headers, so that an address in it holds no secret."""
    return str(error).partition("\n")[0][:300]

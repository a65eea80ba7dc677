"""Evaluation suites on their way into the store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from assay.contracts.base import Reference
from assay.contracts.errors import InputRefused
from evals.suite import read_suite
from registry.blobs import BlobStore


def store_suite(uri: str, blobs: BlobStore) -> Reference:
    """Store the suite at a path, a file URL or `blob:<hex>`, once it reads as one.

    Read whole here, since a malformed line must not be found only after hours of training.

    Raises InputRefused (`SUITE_UNREADABLE`, `SUITE_MALFORMED` with the line number), NotFound, IntegrityRefused.
    """
    data = blobs.get(uri) if uri.startswith("blob:") else _read(uri)
    read_suite(data)
    return blobs.put(data)


def _read(uri: str) -> bytes:
    path = url2pathname(urlsplit(uri).path) if uri.startswith("file:") else uri
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise InputRefused(
            "SUITE_UNREADABLE", f"{uri} cannot be read: {why}", "give a path that the control worker can read"
        ) from error

"""Evaluation suites on their way into the store."""

from __future__ import annotations

import json
from pathlib import Path

from assay.contracts.errors import InputRefused
from registry.blobs import BlobStore


def read_suite(uri: str, blobs: BlobStore) -> bytes:
    """The bytes of a suite at a path, a file URL or `blob:<hex>`.

    Raises InputRefused (`SUITE_UNREADABLE`, `SUITE_MALFORMED` with the line number), NotFound, IntegrityRefused.
    """
    data = blobs.get(uri) if uri.startswith("blob:") else _read(uri)
    lines = data.splitlines()
    if not lines:
        raise InputRefused("SUITE_MALFORMED", f"{uri} is empty", "give a JSONL file with one evaluation row a line")
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _malformed(uri, number, "is not JSON") from error
        if not isinstance(row, dict):
            raise _malformed(uri, number, "is no JSON object")
    return data


def _read(uri: str) -> bytes:
    try:
        return Path(uri.removeprefix("file://")).read_bytes()
    except OSError as error:
        raise InputRefused(
            "SUITE_UNREADABLE",
            f"{uri} cannot be read: {error.strerror}",
            "give a path that the control worker can read",
        ) from error


def _malformed(uri: str, number: int, why: str) -> InputRefused:
    return InputRefused("SUITE_MALFORMED", f"line {number} of {uri} {why}", "mend the line; nothing was stored")

"""Bytes by digest: written once, checked at every read."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from registry import BlobStore

Place = Any  # the class stands in conftest.py, which tests do not import


@pytest.fixture
def folder(place: Place) -> Path:
    return Path(place.folder)


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@settings(
    deadline=None,  # files are written
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one store for all: that is the point
)
@given(data=st.binary(max_size=4096))
def test_what_was_put_comes_back_under_its_digest(blobs: BlobStore, data: bytes) -> None:
    reference = blobs.put(data)
    assert reference.sha256 == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert blobs.get(reference) == blobs.get(reference.sha256) == blobs.get(reference.uri) == data


def test_putting_again_does_not_write_again(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    blobs.put(b"once")
    before = [path.stat().st_mtime_ns for path in stored(folder)]
    copy = tmp_path / "copy"
    copy.write_bytes(b"once")
    assert blobs.put(b"once") == blobs.put_file(copy)
    assert [path.stat().st_mtime_ns for path in stored(folder)] == before


def test_putting_over_a_tampered_blob_does_not_mend_it_silently(blobs: BlobStore, folder: Path) -> None:
    reference = blobs.put(b"genuine")
    stored(folder)[0].write_bytes(b"forged!")
    blobs.put(b"genuine")
    with pytest.raises(IntegrityRefused, match="BLOB_TAMPERED"):
        blobs.get(reference)


@pytest.mark.parametrize("forged", [b"", b"genuinE", b"genuine plus"])
def test_a_tampered_blob_is_refused_and_leaves_no_file(
    blobs: BlobStore, folder: Path, tmp_path: Path, forged: bytes
) -> None:
    reference = blobs.put(b"genuine")
    stored(folder)[0].write_bytes(forged)
    with pytest.raises(IntegrityRefused, match="BLOB_TAMPERED"):
        blobs.get(reference)
    with pytest.raises(IntegrityRefused, match="BLOB_TAMPERED"):
        blobs.fetch_file(reference, tmp_path / "out" / "file")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_digest_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    digest = "sha256:" + "0" * 64
    assert not blobs.has(digest)
    with pytest.raises(NotFound, match="BLOB_UNKNOWN"):
        blobs.get(digest)
    with pytest.raises(NotFound, match="BLOB_UNKNOWN"):
        blobs.fetch_file(digest, tmp_path / "file")


@pytest.mark.parametrize("name", ["", "sha256:", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_what_is_no_digest_never_becomes_a_path(blobs: BlobStore, name: str) -> None:
    for ask in (blobs.get, blobs.has):
        with pytest.raises(InputRefused, match="DIGEST_MALFORMED"):
            ask(name)


def test_a_file_is_written_whole_over_an_older_one(blobs: BlobStore, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    assert blobs.fetch_file(blobs.put(b"new"), target).read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_many_writers_of_the_same_bytes_store_them_once(
    blobs: BlobStore, folder: Path, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    data = bytes(1_000_000)
    references = all_at_once([lambda: blobs.put(data)] * 8)
    assert set(references) == {blobs.put(data)}
    assert [path.stat().st_size for path in stored(folder)] == [1_000_000]


class WrittenMeanwhile(BlobStore):
    """Somebody appends to the file between its hashing and its storing."""

    def _create(self, digest: str, data: bytes | Path) -> bool:
        if isinstance(data, Path):
            with data.open("ab") as file:
                file.write(b"more")
        return super()._create(digest, data)


def test_a_file_that_changes_meanwhile_is_refused_and_its_name_stays_free(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"start")
    with pytest.raises(InputRefused, match="FILE_CHANGED"):
        WrittenMeanwhile.open(place.url).put_file(path)
    blobs = place.open()
    assert blobs.get(blobs.put(b"start")) == b"start"


def test_a_store_that_went_away_is_known_as_empty_not_as_damaged(blobs: BlobStore, folder: Path) -> None:
    reference = blobs.put(b"here")
    shutil.rmtree(folder)
    assert not blobs.has(reference)


@pytest.mark.parametrize("url", ["nothing", "ftp://host/path", ""])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(InputRefused, match="BLOB_URL_MALFORMED"):
        BlobStore.open(url)

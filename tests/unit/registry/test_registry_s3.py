"""The blob store on S3: who may create, and what it says when the store cannot be used."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.errors import Unavailable
from registry import BlobStore, blobs
from tests._servers.s3 import Server

Place = Any  # the class stands in conftest.py, which tests do not import
UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a fraction of a second where the product waits for a minute."""
    monkeypatch.setattr(blobs, "SILENCE", timedelta(milliseconds=300))
    monkeypatch.setattr(blobs, "TRIES", timedelta(milliseconds=500))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_of_many_creators_of_one_name_exactly_one_succeeds(
    place: Place, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    def creator(digest: str, number: int) -> Callable[[], object]:
        store = place.open()  # a connection of its own, as another process would have
        return lambda: store._create(digest, bytes([number]) * 100_000)

    for digest in ("0" * 64, "1" * 64, "2" * 64):
        outcomes = all_at_once([creator(digest, number) for number in range(16)])
        assert sorted(outcomes, key=str) == [False] * 15 + [True]
        [path] = place.folder.rglob(digest)
        assert path.read_bytes() == bytes([outcomes.index(True)]) * 100_000


def test_a_large_file_goes_there_and_back(on_s3: Server, tmp_path: Path) -> None:
    store, big = BlobStore.open(on_s3.url()), tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 80_000)  # 20 MB: more than one chunk of a read
    assert store.fetch_file(store.put_file(big), tmp_path / "back").read_bytes() == big.read_bytes()


def test_refused_credentials_say_which_to_check(on_s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-somebody-else")
    store = BlobStore.open(on_s3.url())
    for ask in (lambda: store.put(b"x"), lambda: store.get(UNKNOWN), lambda: store.has(UNKNOWN)):
        with pytest.raises(Unavailable, match=r"BLOB_STORE_FORBIDDEN.*check AWS_ACCESS_KEY_ID") as refusal:
            ask()
        assert "of-somebody-else" not in str(refusal.value)


@pytest.mark.usefixtures("impatient")
def test_absent_credentials_say_what_to_set(
    on_s3: Server, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match=r"BLOB_STORE_WITHOUT_CREDENTIALS.*set AWS_ACCESS_KEY_ID"):
        BlobStore.open(on_s3.url()).put(b"x")


@pytest.mark.usefixtures("on_s3")
def test_an_absent_bucket_is_no_unknown_blob() -> None:
    store = BlobStore.open("s3://nowhere/blobs")
    for ask in (lambda: store.put(b"x"), lambda: store.get(UNKNOWN)):
        with pytest.raises(Unavailable, match=r"BLOB_BUCKET_UNKNOWN.*make the bucket"):
            ask()


@pytest.mark.usefixtures("on_s3", "impatient")
def test_a_store_that_never_answers_is_given_up(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent_port}")
    store = BlobStore.open("s3://assay/blobs")
    for ask in (lambda: store.put(b"x"), lambda: store.get(UNKNOWN), lambda: store.has(UNKNOWN)):
        with pytest.raises(Unavailable, match="BLOB_STORE_UNREACHABLE"):
            ask()


@pytest.mark.usefixtures("on_s3", "impatient")
def test_bytes_go_unencrypted_to_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.invalid")
    with pytest.raises(Unavailable, match="http:// needs AWS_ALLOW_HTTP=true"):
        BlobStore.open("s3://assay/blobs").put(b"x")

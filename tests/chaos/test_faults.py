"""Faults other than kills: a full disk, a blob store that hangs. Each ends in an error that is tried again, and leaves
nothing half. (A database that goes away, and a clock that is set back: `tests/unit/registry`.)"""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import from_url

from activities.training import checkpoints
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts
from assay.contracts.errors import NotFound, Unavailable
from assay.contracts.rollout import RouteTable
from assay.settings import Settings
from registry import BlobStore, LedgerEntry, Registry
from serving.gateway.source import LastGood, Routes

from . import material

A = "sha256:" + "a" * 64
LARGE = os.urandom(400_000)


@contextmanager
def full_disk(left: int) -> Iterator[None]:
    """No file may grow beyond `left` bytes: writes fail half-way, as on a disk that is full; any user may set this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def opened(home: Settings) -> Iterator[Registry]:
    one = Registry.open(home)
    yield one
    one.close()


def named_files(folder: Path) -> list[Path]:
    """Files that somebody could find by a digest."""
    return [path for path in folder.rglob("*") if path.is_file() and len(path.name) == 64]


def test_a_blob_that_does_not_fit_is_not_there_and_can_be_put_when_it_does(opened: Registry, home: Settings) -> None:
    with full_disk(100_000), pytest.raises(Unavailable, match="BLOB_STORE_UNREACHABLE"):
        opened.blobs.put(LARGE)
    assert named_files(home.home / "blobs") == []
    assert opened.blobs.get(opened.blobs.put(LARGE)) == LARGE


def test_a_tree_that_does_not_fit_does_not_appear(opened: Registry, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "small").write_bytes(b"1")
    (tmp_path / "tree" / "weights").write_bytes(LARGE)
    stored = opened.blobs.put_tree(tmp_path / "tree")
    with full_disk(100_000), pytest.raises(OSError, match="File too large"):
        opened.blobs.fetch_tree(stored, tmp_path / "adapters" / "one")
    assert list((tmp_path / "adapters").iterdir()) == []
    opened.blobs.fetch_tree(stored, tmp_path / "adapters" / "one")
    assert (tmp_path / "adapters" / "one" / "weights").read_bytes() == LARGE


def ledger(count: int) -> Iterator[LedgerEntry]:
    for number in range(count):
        yield LedgerEntry(
            row_id=f"sha256:{number:064x}",
            ordinal=number,
            source="calls",
            outcome="accepted",
            licence="Apache-2.0",
            consent="granted",
            tier="curated",
        )


def test_a_ledger_that_does_not_fit_leaves_no_dataset(opened: Registry, tmp_path: Path) -> None:
    reference, counts = Reference(uri="blob:a", sha256=A), RowCounts(read=5000, accepted=5000)
    request = IntakeRequest(tenant="acme", dataset="rows", sources=material.sources(tmp_path), requested_by="ann")

    def enter() -> None:
        opened.datasets.add(Dataset(id=A, manifest=reference, counts=counts), request, reference, ledger(5000))

    with full_disk(600_000), pytest.raises(Unavailable, match="DATABASE_UNREACHABLE"):
        enter()
    with pytest.raises(NotFound):
        opened.datasets.get(A)
    assert opened.datasets.outcomes(A) == {}
    enter()
    assert opened.datasets.outcomes(A) == {"accepted": 5000}


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    def save(step: int, data: bytes) -> None:
        with checkpoints.writing(tmp_path) as scratch:
            (scratch / "weights").write_bytes(data)
            checkpoints.seal(scratch, tmp_path, step, {})

    save(1, b"small")
    with full_disk(100_000), pytest.raises(OSError, match="File too large"):
        save(2, LARGE)
    newest = checkpoints.newest(tmp_path)
    assert newest is not None
    assert newest.step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


class Source:
    """A control plane with one table."""

    def current(self) -> RouteTable:
        return RouteTable(revision=7)

    def hashes(self) -> dict[str, str]:
        return {"f" * 64: "acme"}


async def test_a_gateway_whose_disk_is_full_serves_the_new_table_and_keeps_the_last_file(tmp_path: Path) -> None:
    file = tmp_path / "routes.json"
    before = LastGood(table=RouteTable(revision=6), keys={}).model_dump_json()
    file.write_text(before)

    async def prepared(_: frozenset[str]) -> None:
        return

    routes = Routes(Source(), file, lambda _: None, prepared)
    with full_disk(10):
        assert await routes.refresh() == 7
    assert file.read_text() == before


@pytest.fixture
def silent_server() -> Iterator[Callable[[], int]]:
    """A server that accepts and never answers; its port."""
    held: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                held.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield lambda: int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for connection in held:
        connection.close()


def test_a_blob_store_that_never_answers_is_told_as_away(silent_server: Callable[[], int]) -> None:
    store = from_url(
        "s3://bucket/prefix",
        endpoint=f"http://127.0.0.1:{silent_server()}",
        access_key_id="a",
        secret_access_key="b",
        region="none",
        client_options={"timeout": "300ms", "allow_http": True},
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=2)},
    )
    blobs = BlobStore(store)
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.get(A), lambda: blobs.has(A)):
        with pytest.raises(Unavailable, match="BLOB_STORE_UNREACHABLE"):
            ask()

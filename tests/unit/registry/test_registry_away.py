"""A database that goes away in the middle of a session: an error that is tried again, and then once, not twice."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

import registry.database
from assay.contracts.errors import Unavailable
from assay.contracts.promotion import PointerMove
from assay.settings import Settings
from registry import Registry
from tests._servers.postgresql import Server

A, B = ("sha256:" + letter * 64 for letter in "ab")
SOCKET = ".s.PGSQL.5432"
Away = Callable[[], AbstractContextManager[None]]


class Door:
    """A Unix socket in front of a PostgreSQL server; while it is shut, clients see what they see of a stopped one."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._path, self._server = folder / SOCKET, server / SOCKET
        self._ends: list[socket.socket] = []

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        self._path.unlink()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._ends += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.fixture
def door(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door | None]:
    if backend == "sqlite":
        yield None
        return
    made = Door(tmp_path_factory.mktemp("d"), request.getfixturevalue("postgresql").folder)
    made.open()
    yield made
    made.shut()


@pytest.fixture
def away(door: Door | None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Away:
    """Within this block the database is away: a stopped server, or a file that another writer has locked."""
    monkeypatch.setattr(registry.database, "_BUSY_SECONDS", 1)

    @contextmanager
    def gone() -> Iterator[None]:
        if door is not None:
            door.shut()
            yield
            door.open()
            return
        other = sqlite3.connect(settings.home / "registry.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
        other.close()

    return gone


def move(target: str, expected: str | None, key: str) -> PointerMove:
    return PointerMove(
        tenant="acme",
        model="helpdesk",
        stage="production",
        target=target,
        expected=expected,
        actor="ann",
        reason="because",
        decision_id="d1",
        key=key,
    )


def test_a_database_that_was_away_is_used_again_and_a_move_is_made_once(
    settings: Settings, door: Door | None, away: Away
) -> None:
    url = settings.database_url
    if door is not None and url is not None:
        url = f"{url.partition('?')[0]}?host={door._path.parent}"
    opened = Registry.open(settings.model_copy(update={"database_url": url}))
    opened.pointers.move(move(A, None, "before"))
    with away():
        for _ in range(2):
            with pytest.raises(Unavailable, match="DATABASE_UNREACHABLE"):
                opened.pointers.move(move(B, A, "meanwhile"))
    assert opened.pointers.move(move(B, A, "meanwhile")).revision == 2
    assert opened.pointers.move(move(B, A, "meanwhile")).revision == 2
    assert [event.target for event in opened.pointers.events("acme", "helpdesk")] == [A, B]
    opened.close()


def test_a_server_that_vanished_without_a_word_is_given_up_within_half_a_minute(postgresql: Server) -> None:
    """A cut cable cannot be had on one machine: this only sees that the system is told to look for it."""
    engine = registry.database.make_engine(postgresql.url("postgres"))
    with engine.connect() as connection:
        told = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    engine.dispose()
    looks = int(told["keepalives_idle"]) + int(told["keepalives_interval"]) * int(told["keepalives_count"])
    assert looks <= 30
    assert int(told["tcp_user_timeout"]) <= 30_000

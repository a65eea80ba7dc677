"""One engine for SQLite (embedded) and PostgreSQL (server), and one way to write: a serialised transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from assay.contracts.errors import Unavailable
from registry.tables import Base

_BUSY_SECONDS = 30


def make_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL. SQLite: WAL, foreign keys, and writers queue instead of failing."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:  # noqa: ANN401  # DBAPI connection
        connection.isolation_level = None  # we begin transactions ourselves, see `begin` below
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL", f"busy_timeout={_BUSY_SECONDS}000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401
        # A deferred transaction that reads, then writes, fails with SQLITE_BUSY when another wrote in between.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`, with Alembic; several processes at once wait for each other.

    Raises Unavailable (`DATABASE_UNREACHABLE`).
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7140211)")
            config.attributes["connection"] = connection
            if revision == "head":
                command.upgrade(config, revision)
            else:
                command.downgrade(config, revision)
    except OperationalError as error:
        raise _away(error) from error
    finally:
        engine.dispose()


class Database:
    """Short transactions: `reading()` for queries, `writing()` for changes."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._writer = self._engine.execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that changes nothing. Raises Unavailable."""
        with self._session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits when its block ends, or not at all. Raises Unavailable."""
        with self._session(self._writer) as session, session.begin():
            yield session

    def add_once(self, session: Session, row: Base) -> bool:
        """Insert unless the primary key (or a unique key) is there already; True when it was inserted."""
        table = type(row).__table__
        insert = postgresql_insert if self._engine.dialect.name == "postgresql" else sqlite_insert
        values = {c.key: getattr(row, c.key) for c in table.columns if getattr(row, c.key) is not None}
        done = session.execute(insert(type(row)).values(**values).on_conflict_do_nothing())
        return bool(done.rowcount)  # type: ignore[attr-defined]  # CursorResult, which execute() does not promise

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise _away(error) from error


def _away(error: OperationalError) -> Unavailable:
    return Unavailable(
        "DATABASE_UNREACHABLE",
        f"the registry's database failed: {type(error.orig).__name__}",
        "check ASSAY_DATABASE_URL",
    )

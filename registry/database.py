"""One engine for SQLite (embedded) and PostgreSQL (server), and one way to write: a serialised transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import JSON, Connection, Engine, String, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from assay.contracts.errors import InputRefused, IntegrityRefused, Unavailable
from registry.columns import Base, now

_BUSY_SECONDS = 30
_SCRUB_MILLISECONDS = 500
_CONNECT_SECONDS = 10
_VANISHED = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
"""libpq's: a server behind a cut cable, or failed over, is missed after 30 s. The system's own would take two hours."""
_COMPARED = ("tenant", "repository", "subject")
"""Of these columns' values each has an order in time of its own: no tenant follows the clock of another."""


def make_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL, on which writers queue instead of failing.

    Raises InputRefused (`DATABASE_URL_MALFORMED`).
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        connect_args = {"connect_timeout": _CONNECT_SECONDS, **_VANISHED}
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=connect_args)
        event.listen(engine, "begin", _begin_postgresql)
    return engine


class Database:
    """Short transactions: `reading()` for queries, `writing()` for changes."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._writer = self._engine.execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that changes nothing. Raises Unavailable, IntegrityRefused."""
        with border(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits when its block ends, or not at all. Raises Unavailable, IntegrityRefused."""
        with border(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def add_once(self, session: Session, row: Base) -> bool:
        """Insert unless a row with the same primary or unique key is there; True when it was inserted."""
        table = cast(Table, type(row).__table__)
        insert = postgresql_insert if self._engine.dialect.name == "postgresql" else sqlite_insert
        values = {c.key: getattr(row, c.key) for c in table.columns if getattr(row, c.key) is not None}
        among = next((name for name in _COMPARED if name in table.columns), None)
        if among is not None and "created_at" in table.columns:
            values["created_at"] = self.moment(session, table, **{among: values.get(among)})
        # What was inserted is asked for, since drivers do not agree on counting it.
        once = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
        return session.execute(once).first() is not None

    def moment(self, session: Session, table: Table, **of: str | None) -> datetime:
        """When a new row is entered: now, but after every row that is there, also when the clock was set back.

        What is newest is read off these times: a base, a run, a report, a seal of a dataset.
        """
        last = session.scalar(
            select(func.max(table.c.created_at)).where(*(table.c[name] == value for name, value in of.items()))
        )
        return now() if last is None else max(now(), last + timedelta(microseconds=1))

    def tables_with(self, values: list[str], *, aside: frozenset[str]) -> tuple[str, ...]:
        """Tables in which one of these values is a whole column of text, or a whole string in one of JSON.

        Read row by row, and no index is believed.
        """
        wanted, found = set(values), []
        with self.reading() as session:
            for table in Base.metadata.sorted_tables:
                columns = [one for one in table.columns if isinstance(one.type, String | JSON)]
                if table.name in aside or not columns:
                    continue
                # Closed, as it is not read to its end: PostgreSQL's server would keep its cursor.
                with session.execute(select(*columns).execution_options(yield_per=1000)) as rows:
                    if any(not wanted.isdisjoint(_texts(row)) for row in rows):
                        found.append(table.name)
        return tuple(found)

    def scrub(self, table: str) -> bool:
        """Have the database forget what was overwritten or deleted in `table`; False when it could not yet.

        SQLite overwrites at once (`secure_delete`), but its write-ahead log keeps the pages as they were until it is
        truncated, which waits for readers. PostgreSQL writes the table anew without dead rows; its log and its archive
        keep them as long as they are configured to (`docs/erasure.md`).
        """
        autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with border(), autocommit.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f'VACUUM (FULL) "{table}"')
                return True
            # It waits for readers with the writers' lock in its hand: not for long.
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_SCRUB_MILLISECONDS}")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_SECONDS}000")
            return not busy

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def _texts(value: object) -> Iterator[str]:
    """Every string of a row, keys and values of JSON included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (one for pair in value.items() for part in pair for one in _texts(part))
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        yield from (one for part in value for one in _texts(part))


@contextmanager
def border() -> Iterator[None]:
    """Database errors as ours: Unavailable (`DATABASE_UNREACHABLE`), IntegrityRefused (`DATABASE_DAMAGED`)."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise Unavailable(
            "DATABASE_UNREACHABLE", f"the registry's database failed: {_first_line(error)}", "check ASSAY_DATABASE_URL"
        ) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a constraint: its repository knows what it means
        raise IntegrityRefused(
            "DATABASE_DAMAGED", f"the registry's database is damaged: {_first_line(error)}", "restore it from a backup"
        ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _refused("it is no SQLAlchemy URL") from error
    if parsed.get_backend_name() == "postgresql":
        return parsed
    if parsed.get_backend_name() != "sqlite":
        raise _refused(f"{parsed.get_backend_name()} is not supported")
    if parsed.database in (None, "", ":memory:"):
        raise _refused("a SQLite database needs a file, since several processes share it")
    return parsed


def _configure_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401  # DBAPI connection
    connection.isolation_level = None  # we begin transactions ourselves, see `_begin_sqlite`
    # FULL: a promotion that was answered must survive a power cut; NORMAL would only survive a crash of ours.
    for pragma in (f"busy_timeout={_BUSY_SECONDS}000", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA secure_delete=ON")  # a key that was destroyed must not stand in a free page


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads, then writes, fails with SQLITE_BUSY when another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY_SECONDS}s'")


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).partition("\n")[0]


def _refused(why: str) -> InputRefused:
    return InputRefused(
        "DATABASE_URL_MALFORMED", f"ASSAY_DATABASE_URL: {why}", "sqlite:////path/to/file or postgresql://user@host/name"
    )

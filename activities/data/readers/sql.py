"""Rows of one SELECT, streamed from any database that SQLAlchemy speaks to, in a transaction that cannot write.

`uri` is a SQLAlchemy URL without a password, or `sql:NAME`: then the data worker's environment has the whole URL under
`ASSAY_SQL_NAME`. A request never holds a password, and never says to which host one is sent.

The digest is over the rows as they come (names and values, canonical JSON, one a line), so the query is run twice, and
what changed in between is seen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import rfc8785

from activities.data.queries import MANY_VIEWS, understood
from activities.data.readers.columns import plain
from activities.data.readers.place import MAX_LINE_BYTES, Place, Record, changed, too_long
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused, NotFound, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

BUFFER_ROWS: Final = 64
NAMED: Final = "sql:"


def digest(source: Source) -> str:
    """Of the rows that the query gives now. Raises as `records`."""
    _refuse_unassigned(source)
    whole = hashlib.sha256()
    for record in _rows(source):
        whole.update(_line(record, source))
    return "sha256:" + whole.hexdigest()


def records(source: Source, digest: str) -> Iterator[Record]:
    """Rows in the query's order.

    Raises InputRefused (`SQL_NOT_A_SELECT`, `SQL_UNORDERED`, `SQL_FUNCTION_UNKNOWN`, `SQL_DIALECT_UNKNOWN`,
    `SQL_FAILED`, `COLUMN_UNSUPPORTED`, `ROW_TOO_LONG`, `SOURCE_DIGEST_MISMATCH`), NotFound
    (`SQL_CONNECTION_UNKNOWN`), Unavailable (`SQL_UNREACHABLE`).
    """
    whole = hashlib.sha256()
    for record in _rows(source):
        whole.update(_line(record, source))
        yield record
    if "sha256:" + whole.hexdigest() != digest:
        raise changed(source, "the query gave other rows the second time")


def tables(source: Source) -> tuple[str, ...]:
    """Every table that the query reads, also through views, sorted. Raises as `records`."""
    found, waiting = set[str](), list(understood(source.query or "", _url(source).get_backend_name()).tables)
    with _connected(source) as connection:
        while waiting and len(found) < MANY_VIEWS * 10:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += _of_view(connection, name)
    return tuple(sorted(found))


def _refuse_unassigned(source: Source) -> None:
    """A regulated system hides behind a join, or behind a view, only while nobody asks whose tables those are."""
    known = {name.lower() for name in source.tables}
    missing = [name for name in tables(source) if name.lower() not in known]
    if missing:
        raise InputRefused(
            "SQL_TABLE_UNASSIGNED",
            f"{len(missing)} of the tables and views that source {source.name} reads belong to no stated system",
            "state under `tables` to which system of record each belongs, those behind views too",
        )


def _of_view(connection: Connection, name: str) -> tuple[str, ...]:
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError

    schema, _, table = name.rpartition(".")
    try:
        text = inspect(connection).get_view_definition(table, schema=schema or None)
    except (NoSuchTableError, NotImplementedError):
        return ()
    return understood(text, connection.dialect.name, ordered=False).tables if text else ()


def _rows(source: Source) -> Iterator[Record]:
    query = understood(source.query or "", _url(source).get_backend_name())
    with _connected(source) as connection:
        result = connection.exec_driver_sql(query.text)
        names = [name for name in result.keys() if name not in source.mapping.ignored]  # noqa: SIM118  # SQLAlchemy's keys
        if len(set(names)) != len(names):
            raise _unsupported(source, "two columns have one name")
        for number, row in enumerate(result.mappings(), 1):
            yield Record(number, {name: plain(row[name]) for name in names})


@contextmanager
def _connected(source: Source) -> Iterator[Connection]:
    """A read-only transaction. What the database says is not repeated: it may hold rows, hosts and names of users."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    url = _url(source)
    try:
        engine = create_engine(_read_only(url), poolclass=NullPool, hide_parameters=True)
        if url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", lambda database, _: database.execute("PRAGMA query_only = ON"))
        options: dict[str, Any] = {"stream_results": True, "max_row_buffer": BUFFER_ROWS}
        if url.get_backend_name() == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except (OperationalError, InterfaceError) as error:
        raise _unavailable(source, error) from None
    except (DBAPIError, SQLAlchemyError, ImportError):
        raise InputRefused(
            "SQL_FAILED",
            f"the database of source {source.name} does not take the query, or its driver is not installed here",
            "run the query by hand as the same user; the data worker needs the database's Python driver",
        ) from None


def _unavailable(source: Source, error: Exception) -> Exception:
    # SQLite and psycopg call a misspelt column operational too; without a connection there is no cursor to say so.
    if getattr(error, "statement", None):
        return InputRefused(
            "SQL_FAILED", f"the database of source {source.name} does not take the query", "run it by hand"
        )
    return Unavailable(
        "SQL_UNREACHABLE",
        f"the database of source {source.name} does not answer, or does not let the data worker in",
        "check host, user and password in the data worker's environment",
    )


def _url(source: Source) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = source.uri
    if text.startswith(NAMED):
        variable = "ASSAY_SQL_" + text.removeprefix(NAMED).upper().replace("-", "_")
        if (found := os.environ.get(variable)) is None:
            raise NotFound(
                "SQL_CONNECTION_UNKNOWN",
                f"source {source.name} names a connection that the data worker does not have",
                "set ASSAY_SQL_NAME to its SQLAlchemy URL in the data worker's environment",
            )
        text = found
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise InputRefused(
            "SOURCE_SCHEME_UNSUPPORTED",
            f"source {source.name} has a query, and its `uri` is no SQLAlchemy URL",
            "give `dialect+driver://user@host/database`, or `sql:NAME` of a connection that the data worker has",
        ) from None


def _read_only(url: URL) -> URL:
    """SQLite would make a database that is not there."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return url
    path = quote(str(Path(url.database).absolute()))
    return url.set(database=f"file:{path}", query={**url.query, "mode": "ro", "uri": "true"})


def _line(record: Record, source: Source) -> bytes:
    place = Place(source.name, record.line, "row")
    try:
        line = rfc8785.dumps(record.value) + b"\n"
    except (rfc8785.CanonicalizationError, ValueError, TypeError, RecursionError) as error:
        raise _unsupported(source, "a column holds bytes, or numbers beyond 2^53") from error
    if len(line) > MAX_LINE_BYTES:
        raise too_long(place)
    return line


def _unsupported(source: Source, what: str) -> InputRefused:
    return InputRefused(
        "COLUMN_UNSUPPORTED", f"source {source.name}: {what}", "convert or rename the column in the query"
    )

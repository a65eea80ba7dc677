"""Queries that somebody may send on purpose, or that say too little: a typed error, and nothing of them is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.data.queries import understood
from activities.data.readers import read_rows, source_digest, sql
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, InputRefused


def refusal(source: Source) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        list(read_rows(source, source_digest(source)))
    assert refused.value.remedy
    return refused.value


QUERIES = {
    "a deletion": "DELETE FROM tickets",
    "two statements": "SELECT 1 ORDER BY 1; DROP TABLE tickets",
    "a deletion in a common table": "WITH d AS (DELETE FROM tickets RETURNING *) SELECT * FROM d ORDER BY 1",
    "a copy of a table": "SELECT * INTO other FROM tickets ORDER BY 1",
    "a lock": "SELECT * FROM tickets ORDER BY 1 FOR UPDATE",
    "a setting": "PRAGMA query_only = OFF",
    "an attached file": "ATTACH DATABASE '/tmp/x' AS x",
    "nothing": " ",
    "no SQL": "who are you (",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_that_is_no_select_is_refused(database: Callable[..., Source], query: str) -> None:
    assert refusal(database(query)).code == "SQL_NOT_A_SELECT"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT * FROM tickets", "SQL_UNORDERED"),
        ("SELECT load_extension('x') FROM tickets ORDER BY 1", "SQL_FUNCTION_UNKNOWN"),
        ("SELECT * FROM pragma_table_info('patients') ORDER BY 1", "SQL_FUNCTION_UNKNOWN"),
        ("SELECT nothing FROM tickets ORDER BY 1", "SQL_FAILED"),
        ("SELECT question AS output, answer AS output FROM tickets ORDER BY id", "COLUMN_UNSUPPORTED"),
        ("SELECT x'00' AS output FROM tickets ORDER BY id", "COLUMN_UNSUPPORTED"),
    ],
)
def test_a_query_that_cannot_be_told_from_another_is_refused(
    database: Callable[..., Source], query: str, code: str
) -> None:
    assert refusal(database(query)).code == code


def test_a_database_is_not_made_by_asking_it(tmp_path: Path, database: Callable[..., Source]) -> None:
    missing = tmp_path / "missing.sqlite"
    with pytest.raises(AssayError, match="does not answer"):
        source_digest(database("SELECT 1 ORDER BY 1", uri=f"sqlite:///{missing}"))
    assert not missing.exists()


@pytest.mark.parametrize(
    "uri", ["postgresql://ann:secret-1@db/desk", "postgresql://db/desk?user=ann&password=secret-1"]
)
def test_a_password_in_a_request_is_refused_and_not_repeated(database: Callable[..., Source], uri: str) -> None:
    with pytest.raises(ValidationError, match="holds a password") as refused:
        database("SELECT 1 ORDER BY 1", uri=uri)
    assert "secret-1" not in str(refused.value.errors(include_input=False, include_context=False))


def test_what_a_database_says_is_not_repeated(database: Callable[..., Source], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_SQL_DESK", "postgresql+psycopg://ann:secret-1@127.0.0.1:1/desk")
    with pytest.raises(AssayError) as refused:
        source_digest(database("SELECT 1 AS a ORDER BY 1", uri="sql:desk"))
    assert refused.value.code == "SQL_UNREACHABLE"
    assert refused.value.__cause__ is None
    assert "secret-1" not in str(refused.value)
    assert "ann" not in str(refused.value)


def test_a_table_that_belongs_to_no_stated_system_is_refused_also_behind_a_view(
    database: Callable[..., Source],
) -> None:
    query = "SELECT question AS instruction, answer AS output FROM handy ORDER BY id"
    assert sql.tables(database(query)) == ("handy", "patients", "tickets")
    assert refusal(database(query, tables={"handy": "helpdesk"})).code == "SQL_TABLE_UNASSIGNED"
    hidden = "WITH tickets AS (SELECT * FROM patients) SELECT diagnosis AS output FROM tickets ORDER BY 1"
    assert refusal(database(hidden, tables={"tickets": "helpdesk"})).code == "SQL_TABLE_UNASSIGNED"
    itself = "WITH patients AS (SELECT * FROM patients) SELECT diagnosis AS output FROM patients ORDER BY 1"
    assert refusal(database(itself, tables={})).code == "SQL_TABLE_UNASSIGNED"


def test_what_a_comment_hides_from_the_parser_is_not_run() -> None:
    query = understood("SELECT a FROM t /*! UNION SELECT secret FROM patients */ ORDER BY a", "mysql")
    assert query.tables == ("t",)
    assert "patients" not in query.text

"""What a query may hide: tables behind views, common tables and comments."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activities.data.queries import understood
from activities.data.readers import source_digest, sql
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused


def refusal(source: Source) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        source_digest(source)
    return refused.value


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

"""What withdraws rows asks the database by index: its time grows with what is affected, not with the corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import event

from activities.erasure import withdrawing
from assay.contracts.data import Dataset
from assay.contracts.erasure import CaseJob
from registry import Registry

from .made import made_of
from .scene import OTHER, PER_CASE, SUBJECT, asks, job, retention, seal, set_aside, sha

GROW: Final = ("ledger", "ledger_mentions", "quarantine", "lineage", "withdrawals", "datasets", "suppressions")
"""Tables that grow with the corpus, with what is made from it, or with all who were ever erased."""
MENTION: Final = "a" * 64


@contextmanager
def noting(registry: Registry) -> Iterator[list[tuple[str, Any]]]:
    """Statements that are executed, with what they were given."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            said.append((statement, given[0] if many else given))

    engine = registry._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plans(registry: Registry, said: list[tuple[str, Any]]) -> list[str]:
    """How SQLite goes about each: `SEARCH table USING INDEX …` by index, `SCAN table …` over all of it."""
    with registry._database._engine.connect() as connection:
        asked = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", given).all() for one, given in said)
        return [row[3] for rows in asked for row in rows]


def table_of(plan: str) -> str:
    return re.sub(r"_\d+$", "", plan.split()[1])


def of_a_person(_: Dataset) -> CaseJob:
    return job(mentions=(MENTION,))


def of_mentions(_: Dataset) -> CaseJob:
    return job(subject=None, mentions=(MENTION, "b" * 64))


def of_rows(dataset: Dataset) -> CaseJob:
    return retention(dataset, source=None, rows=(sha(1),))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("order", "searched"),
    [
        (of_a_person, {"ledger", "ledger_mentions", "quarantine", "lineage", "withdrawals"}),
        (of_mentions, {"ledger", "ledger_mentions"}),
        (retention, {"ledger", "lineage", "withdrawals"}),
        (of_rows, {"ledger", "lineage", "withdrawals"}),
    ],
)
def test_rows_are_withdrawn_without_reading_a_table_that_grows(
    registry: Registry, tmp_path: Path, order: Callable[[Dataset], CaseJob], searched: set[str]
) -> None:
    rows = [(1, OTHER, "accepted", asks("the weather is asked for here")), (2, SUBJECT, "accepted", asks(PER_CASE))]
    dataset = seal(registry, tmp_path, rows)
    made_of(registry, tmp_path, dataset.id)
    set_aside(registry, tmp_path, [(3, SUBJECT, "quarantined", asks("a text that waits"))])
    with noting(registry) as said:
        withdrawing.withdraw(registry, order(dataset))
    found = plans(registry, said)
    assert [one for one in found if one.startswith("SCAN") and table_of(one) in GROW] == []
    assert searched <= {table_of(one) for one in found if one.startswith("SEARCH")}

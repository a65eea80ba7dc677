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

NARROW: Final = {
    "ledger": {"subject", "row_id"},
    "ledger_mentions": {"hash"},
    "quarantine": {"subject", "row_id"},
    "quarantine_mentions": {"hash", "row_id"},
    "lineage": {"parent", "child"},
    "withdrawals": {"name"},
    "datasets": {"id", "tenant"},
    "suppressions": {"tenant"},
}
"""Of tables that grow: columns of which one has to be known. All of a tenant's rows, or of a dataset's, is too many."""
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


def wide(plans: list[str], narrow: dict[str, set[str]]) -> list[str]:
    """Those that read all of a table that grows, or a part of it that grows as well."""
    named = {one: re.match(r"(SCAN|SEARCH) (\w+?)(_\d+)?( |$)", one) for one in plans}
    of = {one: (found[2], set(re.findall(r"(\w+)=\?", one))) for one, found in named.items() if found}
    return sorted(one for one, (table, known) in of.items() if table in narrow and not known & narrow[table])


def of_a_person(_: Dataset) -> CaseJob:
    return job(mentions=(MENTION,))


def of_mentions(_: Dataset) -> CaseJob:
    return job(subject=None, mentions=(MENTION, "b" * 64))


def of_rows(dataset: Dataset) -> CaseJob:
    return retention(dataset, source=None, rows=(sha(1),))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("order", "affected"), [(of_a_person, set()), (of_mentions, set()), (of_rows, set()), (retention, {"dataset"})]
)
def test_rows_are_withdrawn_without_reading_what_grows(
    registry: Registry, tmp_path: Path, order: Callable[[Dataset], CaseJob], affected: set[str]
) -> None:
    rows = [(1, OTHER, "accepted", asks("the weather is asked for here")), (2, SUBJECT, "accepted", asks(PER_CASE))]
    dataset = seal(registry, tmp_path, rows)
    made_of(registry, tmp_path, dataset.id)
    aside = [(3, SUBJECT, "quarantined", asks("a text that waits")), (4, OTHER, "quarantined", asks("a mention"))]
    set_aside(registry, tmp_path, aside, named={4: [MENTION]})
    with noting(registry) as said:
        withdrawing.withdraw(registry, order(dataset))
    found = plans(registry, said)
    assert wide(found, NARROW | {"ledger": NARROW["ledger"] | affected}) == []
    assert any("ledger" in one for one in found)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_statement_that_reads_what_grows_is_told(registry: Registry) -> None:
    asked = [
        ("SELECT * FROM ledger", ()),
        ("SELECT * FROM ledger WHERE dataset = ?", ("d",)),
        ("SELECT * FROM quarantine AS quarantine_1 WHERE tenant = ?", ("t",)),
        ("DELETE FROM ledger_mentions WHERE row_id = ?", ("r",)),
        ("UPDATE ledger SET outcome = '' WHERE subject = ?", ("s",)),
        ("SELECT * FROM erasures", ()),
    ]
    assert [len(wide(plans(registry, [one]), NARROW)) for one in asked] == [1, 1, 1, 1, 0, 0]

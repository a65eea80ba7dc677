"""Which tenants, datasets and models anything is on record of. No table lists them: they are where their things are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from registry.columns import Base
from registry.database import Database
from registry.tables import ApiKeyRow, ShardKeyRow

_DATASETS = {"datasets": "name", "quarantine": "dataset", "retention": "name"}
"""Tables in which a tenant's dataset is named, and their column with its name."""


class Names:
    """Repository of names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tenants(self) -> frozenset[str]:
        """Tenants whom any table names but that of keys: one may be made for a name that is misspelt."""
        return self._of((table, "tenant") for table in _naming_tenants())

    def knows(self, tenant: str) -> bool:
        """Whether this is one of `tenants`, or their first intake stages rows, which enters nothing else before it
        ends."""
        # What an intake stages is owned by its name, which begins with the tenant's.
        staged: Select[Any] = select(ShardKeyRow.id).where(ShardKeyRow.owner.startswith(f"{tenant}/", autoescape=True))
        return self._any((*(_naming(table, tenant) for table in _naming_tenants()), staged))

    def knows_dataset(self, tenant: str, dataset: str) -> bool:
        """Whether `datasets` has it; that list is not made for it."""
        return self._any(_naming(table, tenant, column, dataset) for table, column in _dataset_columns())

    def knows_model(self, tenant: str, model: str) -> bool:
        """Whether `models` has it; that list is not made for it."""
        return self._any(_naming(table, tenant, "model", model) for table in _tables("tenant", "model"))

    def datasets(self, tenant: str) -> frozenset[str]:
        """A tenant's datasets: sealed ones, and those of which rows were only set aside."""
        return self._of(_dataset_columns(), tenant)

    def models(self, tenant: str) -> frozenset[str]:
        """A tenant's models: registered, trained, evaluated or pointed at."""
        return self._of(((table, "model") for table in _tables("tenant", "model")), tenant)

    def _any(self, queries: Iterable[Select[Any]]) -> bool:
        with self._database.reading() as session:
            return any(session.execute(query.limit(1)).first() is not None for query in queries)

    def _of(self, columns: Iterable[tuple[Table, str]], tenant: str | None = None) -> frozenset[str]:
        found = set[str]()
        with self._database.reading() as session:
            for table, column in columns:
                among: list[ColumnElement[bool]] = [] if tenant is None else [table.c.tenant == tenant]
                found.update(session.scalars(select(table.c[column]).where(*among).distinct()))
        return frozenset(found)


def _naming(table: Table, tenant: str, column: str = "tenant", name: str | None = None) -> Select[Any]:
    """Rows of a tenant, and of one name in a column where one is given."""
    query = select(table.c.tenant).where(table.c.tenant == tenant)
    return query if name is None else query.where(table.c[column] == name)


def _dataset_columns() -> list[tuple[Table, str]]:
    return [(Base.metadata.tables[table], column) for table, column in _DATASETS.items()]


def _naming_tenants() -> list[Table]:
    return [table for table in _tables("tenant") if table is not ApiKeyRow.__table__]


def _tables(*columns: str) -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if {*columns} <= {*table.columns.keys()}]

"""Persons, by keyed hash, whose rows a tenant's intake refuses from now on."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from registry.batches import batched
from registry.database import Database
from registry.tables import SuppressionRow


class Suppression:
    """Repository of the suppression list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tenant: str, hashes: Iterable[str], case: str) -> None:
        """Suppress; again changes nothing."""
        with self._database.writing() as session:
            for one in hashes:
                self._database.add_once(session, SuppressionRow(tenant=tenant, hash=one, case=case))

    def obeyed(self, tenant: str, hashes: Iterable[str]) -> frozenset[str]:
        """Those of these hashes that are suppressed: rows with any of them are refused (`SUBJECT_SUPPRESSED`)."""
        found: set[str] = set()
        with self._database.reading() as session:
            for batch in batched(sorted({one for one in hashes if one})):
                query = select(SuppressionRow.hash).where(
                    SuppressionRow.tenant == tenant, SuppressionRow.hash.in_(batch)
                )
                found.update(session.scalars(query))
        return frozenset(found)

    def lift(self, tenant: str, one: str) -> bool:
        """Take somebody off the list, as when they agree again; False when they were not on it."""
        mine = delete(SuppressionRow).where(SuppressionRow.tenant == tenant, SuppressionRow.hash == one)
        with self._database.writing() as session:
            return session.execute(mine.returning(SuppressionRow.hash)).first() is not None

"""Published route tables: append-only revisions; the highest one is in force."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from assay.contracts.errors import Conflict, NotFound
from assay.contracts.rollout import RouteTable
from registry.database import Database
from registry.tables import RouteRevisionRow


class Routes:
    """Repository of route tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> RouteTable:
        """The table in force; an empty one of revision 0 before the first."""
        query = select(RouteRevisionRow).order_by(RouteRevisionRow.revision.desc()).limit(1)
        with self._database.reading() as session:
            row = session.scalars(query).first()
        return RouteTable.model_validate(row.table) if row else RouteTable(revision=0)

    def at(self, revision: int) -> RouteTable:
        """The table of a revision. Raises NotFound (`ROUTE_REVISION_UNKNOWN`)."""
        return RouteTable.model_validate(self._row(revision).table)

    def decision_id(self, revision: int) -> str:
        """The decision under which a revision was published. Raises NotFound (`ROUTE_REVISION_UNKNOWN`)."""
        return self._row(revision).decision_id

    def by_key(self, key: str) -> RouteTable | None:
        """The table that was published under an idempotency key."""
        with self._database.reading() as session:
            row = session.scalars(select(RouteRevisionRow).where(RouteRevisionRow.key == key)).first()
        return RouteTable.model_validate(row.table) if row else None

    def publish(self, table: RouteTable, *, key: str, actor: str, reason: str, decision_id: str) -> RouteTable:
        """Put a table in force. `table.revision` must follow the one in force; the same key again changes nothing.

        Raises Conflict (`ROUTES_MOVED`) when another table came first: compile again from the one in force.
        """
        row = RouteRevisionRow(
            revision=table.revision,
            key=key,
            table=table.model_dump(mode="json"),
            actor=actor,
            reason=reason,
            decision_id=decision_id,
        )
        if (known := self.by_key(key)) is not None:
            return known
        newest = select(RouteRevisionRow.revision).order_by(RouteRevisionRow.revision.desc()).limit(1)
        try:
            with self._database.writing() as session:
                if (session.scalar(newest) or 0) != table.revision - 1:
                    raise _moved(table.revision)
                session.add(row)
        except IntegrityError as error:
            if (known := self.by_key(key)) is not None:
                return known
            raise _moved(table.revision) from error
        return table

    def _row(self, revision: int) -> RouteRevisionRow:
        with self._database.reading() as session:
            row = session.get(RouteRevisionRow, revision)
        if row is None:
            raise NotFound("ROUTE_REVISION_UNKNOWN", f"no route table of revision {revision}", "see `assay routes`")
        return row


def _moved(revision: int) -> Conflict:
    return Conflict("ROUTES_MOVED", f"revision {revision} does not follow the table in force", "compile again from it")

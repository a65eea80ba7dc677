"""Published route tables: append-only revisions; the highest one is in force."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from assay.contracts.errors import Conflict, NotFound
from assay.contracts.rollout import RouteTable
from registry.database import Database
from registry.lineage import Edge, record, version_name
from registry.tables import RouteRevisionRow, VersionRow

_NEWEST = select(RouteRevisionRow).order_by(RouteRevisionRow.revision.desc()).limit(1)


class Use(NamedTuple):
    """A version in an arm of a route."""

    tenant: str
    model: str
    arm: str
    digest: str


class Routes:
    """Repository of route tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> RouteTable:
        """The table in force; an empty one of revision 0 before the first."""
        with self._database.reading() as session:
            row = session.scalars(_NEWEST).first()
        return RouteTable.model_validate(row.table) if row else RouteTable(revision=0)

    def latest(self, count: int) -> tuple[RouteTable, ...]:
        """The last tables that were in force, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(_NEWEST.limit(count)).all()
        return tuple(RouteTable.model_validate(row.table) for row in rows)

    def at(self, revision: int) -> RouteTable:
        """The table of a revision. Raises NotFound (`ROUTE_REVISION_UNKNOWN`)."""
        return RouteTable.model_validate(self._row(revision).table)

    def decision_id(self, revision: int) -> str:
        """The decision under which a revision was published. Raises NotFound (`ROUTE_REVISION_UNKNOWN`)."""
        return self._row(revision).decision_id

    def decision_of(self, tenant: str, model: str) -> str:
        """The decision under which this model's route, as it is in force, was first published.

        Raises NotFound (`ROUTE_UNKNOWN`).
        """
        found, wanted = None, None
        with self._database.reading() as session:
            # A rollback waits for this, and most look at two tables, each of which may be large: few at a time.
            for row in session.scalars(_NEWEST.limit(None)).yield_per(4):
                route = _route(row, tenant, model)
                if route is None or (found is not None and route != wanted):
                    break
                found, wanted = row.decision_id, route
        if found is None:
            raise NotFound("ROUTE_UNKNOWN", f"{tenant}/{model} has no route", "see `assay routes`")
        return found

    def by_key(self, key: str) -> RouteTable | None:
        """The table that was published under an idempotency key."""
        with self._database.reading() as session:
            row = session.scalars(select(RouteRevisionRow).where(RouteRevisionRow.key == key)).first()
        return RouteTable.model_validate(row.table) if row else None

    def publish(self, table: RouteTable, *, key: str, actor: str, reason: str, decision_id: str) -> RouteTable:
        """Put a table in force. `table.revision` must follow the one in force; the same key again changes nothing.

        Lineage leads from each version to the revision with which it entered an arm, not to every one that kept it.

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
        try:
            with self._database.writing() as session:
                newest = session.scalars(_NEWEST).first()
                if (newest.revision if newest else 0) != table.revision - 1:
                    raise _moved(table.revision)
                session.add(row)
                known_uses = _uses(RouteTable.model_validate(newest.table)) if newest else frozenset()
                entered = sorted(_uses(table) - known_uses)
                record(self._database, session, (_edge(session, use, table.revision) for use in entered))
        except (IntegrityError, Conflict) as error:
            # Asked last, not first: a retry may overtake itself.
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


def _route(row: RouteRevisionRow, tenant: str, model: str) -> dict[str, Any] | None:
    routes: list[dict[str, Any]] = row.table["routes"]
    return next((route for route in routes if (route["tenant"], route["model"]) == (tenant, model)), None)


def _uses(table: RouteTable) -> frozenset[Use]:
    arms = [Use(r.tenant, r.model, arm.name, arm.version) for r in table.routes for arm in r.arms if arm.version]
    shadows = [Use(r.tenant, r.model, "shadow", r.shadow.version) for r in table.routes if r.shadow]
    return frozenset(arms + shadows)


def _edge(session: Session, use: Use, revision: int) -> Edge:
    version = session.get(VersionRow, (use.digest, use.tenant, use.model))
    return Edge(
        parent=version_name(use.tenant, use.model, version.version) if version else use.digest,
        child=f"route:{revision}",
        relation=f"became {use.arm}",
        parent_kind="version" if version else "adapter",
        child_kind="route",
    )


def _moved(revision: int) -> Conflict:
    return Conflict("ROUTES_MOVED", f"revision {revision} does not follow the table in force", "compile again from it")

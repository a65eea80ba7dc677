"""Rollbacks that wait for a root cause; an open one blocks promotion of its model."""

from __future__ import annotations

from sqlalchemy import select

from assay.contracts.errors import Conflict, NotFound
from assay.contracts.rollout import Incident, RootCause
from registry.columns import now
from registry.database import Database
from registry.tables import IncidentRow


class Incidents:
    """Repository of incidents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, incident: Incident) -> None:
        """Record a rollback; again adds nothing."""
        row = IncidentRow(
            id=incident.id,
            tenant=incident.tenant,
            model=incident.model,
            incident=incident.model_dump(mode="json"),
            root_cause=None,
        )
        with self._database.writing() as session:
            self._database.add_once(session, row)

    def close(self, incident: Incident, cause: RootCause) -> None:
        """Record the root cause; the same one again changes nothing.

        Raises NotFound (`INCIDENT_UNKNOWN`), Conflict (`INCIDENT_CLOSED`) when another cause stands already.
        """
        with self._database.writing() as session:
            row = session.get(IncidentRow, incident.id, with_for_update=True)
            if row is None:
                raise NotFound("INCIDENT_UNKNOWN", f"no incident {incident.id}", "see `assay incidents`")
            recorded = cause.model_dump(mode="json")
            if row.root_cause not in (None, recorded):
                raise Conflict("INCIDENT_CLOSED", f"{incident.id} has another root cause", "open a new incident")
            row.root_cause = recorded
            row.closed_at = row.closed_at or now()

    def get(self, id_: str) -> Incident:
        """Open or closed. Raises NotFound (`INCIDENT_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(IncidentRow, id_)
        if row is None:
            raise NotFound("INCIDENT_UNKNOWN", f"no incident {id_}", "see `assay incidents`")
        return Incident.model_validate(row.incident)

    def all_for(self, tenant: str, model: str) -> tuple[tuple[Incident, RootCause | None], ...]:
        """Incidents of one model, oldest first, each with its root cause once it is recorded."""
        query = select(IncidentRow).where(IncidentRow.tenant == tenant, IncidentRow.model == model)
        with self._database.reading() as session:
            return tuple(
                (
                    Incident.model_validate(row.incident),
                    RootCause.model_validate(row.root_cause) if row.root_cause else None,
                )
                for row in session.scalars(query.order_by(IncidentRow.opened_at))
            )

    def open_for(self, tenant: str, model: str) -> tuple[Incident, ...]:
        """Incidents of one model that wait for their root cause, oldest first."""
        return tuple(incident for incident, cause in self.all_for(tenant, model) if cause is None)

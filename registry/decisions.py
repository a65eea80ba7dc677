"""Decisions of the gates, each with its policy revision and the digest of its stored input."""

from __future__ import annotations

from sqlalchemy import select

from assay.contracts.errors import NotFound
from assay.contracts.policy import Decision
from registry.database import Database
from registry.tables import DecisionRow


class Decisions:
    """Repository of decisions; append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, decision: Decision, subject: str | None) -> None:
        """Enter a decision about a subject (a digest); the same decision id again adds nothing."""
        row = DecisionRow(
            decision_id=decision.decision_id,
            gate=decision.gate,
            subject=subject,
            allow=decision.allow,
            decision=decision.model_dump(mode="json"),
        )
        with self._database.writing() as session:
            self._database.add_once(session, row)

    def get(self, decision_id: str) -> Decision:
        """Raises NotFound (`DECISION_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(DecisionRow, decision_id)
        if row is None:
            raise NotFound("DECISION_UNKNOWN", f"no decision {decision_id}", "see `assay decisions DIGEST`")
        return Decision.model_validate(row.decision)

    def list(self, subject: str) -> tuple[Decision, ...]:
        """Decisions about a subject, oldest first."""
        query = select(DecisionRow).where(DecisionRow.subject == subject).order_by(DecisionRow.created_at)
        with self._database.reading() as session:
            return tuple(Decision.model_validate(row.decision) for row in session.scalars(query))

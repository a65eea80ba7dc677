"""Signed approvals of data owners, by what they are about. What they say stands in the statements alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from assay.contracts.base import Digest, Message, Reference
from registry.database import Database
from registry.tables import DataApprovalRow


class ApprovalRecord(Message):
    """An approval. `intake` is empty for one that stands for all intakes of the source."""

    statement: Reference
    tenant: str
    source: str
    terms: Digest
    intake: str
    owner: str
    valid_until: datetime


class Approvals:
    """Repository of owners' approvals; append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ApprovalRecord) -> None:
        """Enter an approval; the same statement again adds nothing."""
        fields = record.model_dump(exclude={"statement"})
        row = DataApprovalRow(statement=record.statement.sha256, uri=record.statement.uri, **fields)
        with self._database.writing() as session:
            self._database.add_once(session, row)

    def about(self, tenant: str, source: str, terms: str, intake: str = "") -> tuple[ApprovalRecord, ...]:
        """Approvals of these terms that stand, or are for this intake alone; the one that ends last first."""
        query = select(DataApprovalRow).filter_by(tenant=tenant, source=source, terms=terms, intake=intake)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(DataApprovalRow.valid_until.desc())).all()
        return tuple(_record(row) for row in rows)


def _record(row: DataApprovalRow) -> ApprovalRecord:
    fields = {name: getattr(row, name) for name in ApprovalRecord.model_fields if name != "statement"}
    return ApprovalRecord(statement=Reference(uri=row.uri, sha256=row.statement), **fields)

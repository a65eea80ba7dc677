"""When rows of sealed datasets expire, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from assay.contracts.base import Digest, Message
from assay.contracts.retention import Keeping, RetentionNote, SourceTerm
from registry.columns import now
from registry.database import Database
from registry.tables import DatasetRow, RetentionRow


class RetentionRecord(SourceTerm):
    """The term of one source of one dataset, as it was sealed first."""

    dataset: Digest
    tenant: str
    name: str
    version: int


class Seal(Message):
    """A seal of a dataset: its id, and when."""

    id: Digest
    sealed_at: datetime


class Retentions:
    """Repository of retention terms."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seals(self, tenant: str, name: str) -> tuple[Seal, ...]:
        """Everything that was ever sealed under a name, oldest first."""
        query = select(DatasetRow.id, DatasetRow.created_at).filter_by(tenant=tenant, name=name)
        with self._database.reading() as session:
            found = session.execute(query.order_by(DatasetRow.created_at))
            return tuple(Seal(id=id_, sealed_at=sealed_at) for id_, sealed_at in found)

    def enter(self, dataset: str, tenant: str, name: str, version: int, terms: Iterable[SourceTerm]) -> None:
        """Enter the terms of a dataset; those that are there stay as they are."""
        with self._database.writing() as session:
            for term in terms:
                fields = {"tenant": tenant, "name": name, "version": version, **term.model_dump()}
                self._database.add_once(session, RetentionRow(dataset=dataset, **fields))

    def note(self, note: RetentionNote) -> None:
        """Say what became of the rows of a source; removed rows stay removed."""
        with self._database.writing() as session:
            row = session.get(RetentionRow, (note.origin, note.source), with_for_update=True)
            if row is not None and row.state not in ("removed", note.state):
                row.state, row.changed_at = note.state, now()

    def of(self, dataset: str) -> tuple[SourceTerm, ...]:
        """Terms of one dataset, the first to expire first."""
        return tuple(
            SourceTerm.model_validate(term.model_dump(include=set(SourceTerm.model_fields)))
            for term in self._records(RetentionRow.dataset == dataset)
        )

    def list(self, tenant: str | None = None, state: Keeping | None = None) -> tuple[RetentionRecord, ...]:
        """All terms, the first to expire first."""
        wanted = [RetentionRow.tenant == tenant] if tenant is not None else []
        return self._records(*wanted, *([RetentionRow.state == state] if state is not None else []))

    def _records(self, *where: object) -> tuple[RetentionRecord, ...]:
        query = select(RetentionRow).where(*where).order_by(RetentionRow.expires_at, RetentionRow.source)  # type: ignore[arg-type]  # conditions of any type
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return tuple(RetentionRecord(**{n: getattr(row, n) for n in RetentionRecord.model_fields}) for row in rows)

"""Legal holds: what is held may be withdrawn from use, but not destroyed."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from assay.contracts.base import Message
from assay.contracts.erasure import HoldPlaced
from assay.contracts.errors import NotFound
from registry.columns import now
from registry.database import Database
from registry.tables import HoldRow


class HoldRecord(Message):
    """A hold, in force until `lifted_at`."""

    id: str
    tenant: str
    subject: str | None
    dataset: str | None
    reason: str
    actor: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None


class Holds:
    """Repository of legal holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place(self, placed: HoldPlaced) -> str:
        """Put a hold in force; its id. Without subject and dataset it is on all of the tenant."""
        row = HoldRow(id=secrets.token_hex(6), **placed.model_dump())
        with self._database.writing() as session:
            session.add(row)
        return row.id

    def lift(self, id_: str, actor: str) -> HoldRecord:
        """End a hold; again changes nothing. Raises NotFound (`HOLD_UNKNOWN`)."""
        with self._database.writing() as session:
            row = session.get(HoldRow, id_, with_for_update=True)
            if row is None:
                raise NotFound("HOLD_UNKNOWN", "no legal hold of this id", "see `assay hold list`")
            if row.lifted_at is None:
                row.lifted_at, row.lifted_by = now(), actor
            return _record(row)

    def list(self, tenant: str | None = None, *, lifted: bool = False) -> tuple[HoldRecord, ...]:
        """Holds in force, oldest first; `lifted` adds those that are not any more."""
        query = select(HoldRow).order_by(HoldRow.created_at, HoldRow.id)
        if tenant is not None:
            query = query.where(HoldRow.tenant == tenant)
        if not lifted:
            query = query.where(HoldRow.lifted_at.is_(None))
        with self._database.reading() as session:
            return tuple(_record(row) for row in session.scalars(query))

    def on(self, tenant: str, subjects: Collection[str], datasets: Collection[str]) -> tuple[HoldRecord, ...]:
        """Holds in force that touch one of these persons (keyed hashes) or datasets, or the whole tenant."""
        touched = (row for row in self.list(tenant) if _touches(row, subjects, datasets))
        return tuple(touched)


def _touches(hold: HoldRecord, subjects: Collection[str], datasets: Collection[str]) -> bool:
    whole = hold.subject is None and hold.dataset is None
    return whole or hold.subject in subjects or hold.dataset in datasets


def _record(row: HoldRow) -> HoldRecord:
    return HoldRecord(**{name: getattr(row, name) for name in HoldRecord.model_fields})

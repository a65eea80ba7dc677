"""Legal holds: what is held may be withdrawn from use, but not destroyed."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from assay.contracts.erasure import ErasureRequest, HoldPlaced
from assay.contracts.errors import NotFound
from assay.contracts.names import may_be_of
from registry.batches import batched
from registry.columns import now
from registry.database import Database
from registry.erasure_tables import ErasedRow, ErasureRow, HoldRow, SuppressionRow
from registry.tables import LedgerMentionRow, LedgerRow, QuarantineMentionRow, QuarantineRow


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

    def knows(self, subject: str) -> bool:
        """Whether any row is on record that belongs to this person (a keyed hash, which is of one tenant) or names
        them."""
        with self._database.reading() as session:
            return bool(_among(session, (subject,), true()) or _among_aside(session, (subject,), true()))

    def on(self, tenant: str, subjects: Collection[str], datasets: Collection[str]) -> tuple[HoldRecord, ...]:
        """Holds in force that touch one of these persons (keyed hashes) or datasets, or the whole tenant."""
        touched = (row for row in self.list(tenant) if _touches(row, subjects, datasets))
        return tuple(touched)

    def on_case(self, case: str, request: ErasureRequest) -> tuple[HoldRecord, ...]:
        """Holds in force on a person who owns one of the case's own rows, or whom one of them names; quarantined rows
        among them, except for retention: those have a ledger's entry in the dataset whose time is over."""
        erased = and_(
            ErasedRow.case == case,
            ErasedRow.own.is_(True),
            ErasedRow.dataset == LedgerRow.dataset,
            ErasedRow.row_id == LedgerRow.row_id,
            ErasedRow.ordinal == LedgerRow.ordinal,
        )
        ids = select(ErasedRow.row_id).where(ErasedRow.case == case, ErasedRow.own.is_(True))
        theirs = or_(QuarantineRow.row_id.in_(ids), QuarantineRow.subject == request.subject)
        aside = None if request.ground == "retention" else and_(QuarantineRow.tenant == request.tenant, theirs)
        return self._on_people(request.tenant, erased, aside)

    def on_rows(self, tenant: str, dataset: str, source: str | None = None) -> tuple[HoldRecord, ...]:
        """Holds in force on a person who owns a row of a dataset or of one of its sources, or whom such a row names."""
        of = LedgerRow.dataset == dataset
        return self._on_people(tenant, of if source is None else and_(of, LedgerRow.source == source))

    def kept_from(self, case: str, tenant: str, dataset: str) -> frozenset[str]:
        """Ids of rows of a dataset that holds in force on persons keep from this case: whose they are or whom they
        name, and own rows of other open cases of such a person. A reviewer may have given those to a case whose person
        neither owns them nor is named in them by the hash that is held."""
        people = {hold.subject for hold in self.list(tenant) if hold.subject is not None}
        found = set[str]()
        with self._database.reading() as session:
            for batch in batched(sorted(people)):
                of = (LedgerRow.dataset == dataset, LedgerRow.subject.in_(batch))
                found.update(session.scalars(select(LedgerRow.row_id).where(*of)))
                named = (LedgerMentionRow.hash.in_(batch), LedgerMentionRow.dataset == dataset)
                found.update(session.scalars(select(LedgerMentionRow.row_id).where(*named)))
            cases = _held_cases(session, tenant, people) - {case} if people else ()
            for batch in batched(cases):
                own = (ErasedRow.case.in_(batch), ErasedRow.dataset == dataset, ErasedRow.own.is_(True))
                found.update(session.scalars(select(ErasedRow.row_id).where(*own)))
        return frozenset(found)

    def _on_people(
        self, tenant: str, rows: ColumnElement[bool], aside: ColumnElement[bool] | None = None
    ) -> tuple[HoldRecord, ...]:
        placed = [hold for hold in self.list(tenant) if hold.subject is not None]
        with self._database.reading() as session:
            people = set[str]()
            for batch in batched({hold.subject for hold in placed}):
                people |= _among(session, batch, rows)
                if aside is not None:
                    people |= _among_aside(session, batch, aside)
        return tuple(hold for hold in placed if hold.subject in people)


def _touches(hold: HoldRecord, subjects: Collection[str], datasets: Collection[str]) -> bool:
    whole = hold.subject is None and hold.dataset is None
    return whole or hold.subject in subjects or hold.dataset in datasets


def _held_cases(session: Session, tenant: str, people: Collection[str]) -> set[str]:
    """Open cases of these persons. Whose a case is stands nowhere but in the suppression list, which has the first case
    of each, and in the id of its workflow; where the id tells nobody it may be anybody's: what is kept can go later."""
    listed = set[str]()
    for batch in batched(people):
        of = (SuppressionRow.tenant == tenant, SuppressionRow.hash.in_(batch))
        listed.update(session.scalars(select(SuppressionRow.case).where(*of)))
    opened = select(ErasureRow.case, ErasureRow.workflow).where(
        ErasureRow.tenant == tenant, ErasureRow.closed_at.is_(None)
    )
    return {case for case, workflow in session.execute(opened) if case in listed or may_be_of(workflow, people)}


def _among(session: Session, hashes: Collection[str | None], rows: ColumnElement[bool]) -> set[str]:
    """Those of these keyed hashes that stand in the ledger at these rows; `rows` may say more of another table."""
    owners = select(LedgerRow.subject).where(LedgerRow.subject.in_(hashes), rows).distinct()
    at = and_(LedgerMentionRow.dataset == LedgerRow.dataset, LedgerMentionRow.ordinal == LedgerRow.ordinal)
    named = select(LedgerMentionRow.hash).where(LedgerMentionRow.hash.in_(hashes), at, rows).distinct()
    return {*session.scalars(owners), *session.scalars(named)}


def _among_aside(session: Session, hashes: Collection[str | None], rows: ColumnElement[bool]) -> set[str]:
    """Those of these keyed hashes that quarantined rows belong to or name."""
    owners = select(QuarantineRow.subject).where(QuarantineRow.subject.in_(hashes), rows).distinct()
    names = ("tenant", "dataset", "purpose", "row_id")
    at = and_(*(getattr(QuarantineMentionRow, name) == getattr(QuarantineRow, name) for name in names))
    named = select(QuarantineMentionRow.hash).where(QuarantineMentionRow.hash.in_(hashes), at, rows).distinct()
    return {*session.scalars(owners), *session.scalars(named)}


def _record(row: HoldRow) -> HoldRecord:
    return HoldRecord(**{name: getattr(row, name) for name in HoldRecord.model_fields})

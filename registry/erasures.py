"""Cases of erasure: whose rows stand where, found by index and kept until the case is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from assay.contracts.base import Message, Reference
from assay.contracts.erasure import ErasureRequest, Found, FoundIn
from assay.contracts.errors import NotFound
from registry.batches import batched
from registry.columns import now
from registry.database import Database
from registry.tables import ErasedRow, ErasureRow, LedgerMentionRow, LedgerRow, QuarantineRow

_ROWS = cast(Table, ErasedRow.__table__)
_OUTCOMES = {"accepted": "kept", "redacted": "kept", "quarantined": "aside"}
"""Of `LedgerRow.outcome`; the others were refused."""


class Target(NamedTuple):
    """A row of a case. `ordinal` is its place in the dataset's ledger."""

    dataset: str
    ordinal: int
    row_id: str
    outcome: str


class ErasureRecord(Message):
    """A case as the registry holds it."""

    case: str
    tenant: str
    ground: str
    workflow: str
    requested_by: str
    decision_id: str
    probe: Reference | None
    receipt: str | None
    done: dict[str, Any] | None
    opened_at: datetime
    closed_at: datetime | None


class Erasures:
    """Repository of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, case: str, workflow: str, request: ErasureRequest, decision_id: str) -> None:
        """Enter a case; again changes nothing."""
        row = ErasureRow(
            case=case,
            tenant=request.tenant,
            ground=request.ground,
            workflow=workflow,
            requested_by=request.requested_by,
            decision_id=decision_id,
        )
        with self._database.writing() as session:
            self._database.add_once(session, row)

    def find(self, case: str, request: ErasureRequest) -> Found:
        """Enter the rows of a request under its case, by the ledger's indexes; again adds what is new."""
        with self._database.writing() as session:
            if own := _own(request):
                _enter(session, case, select(LedgerRow).where(and_(*own)), own=True)
            if request.mentions:
                _enter(session, case, _mentioned(request.mentions), own=False)
            return _found(session, case)

    def found(self, case: str) -> Found:
        """What stands under a case now."""
        with self._database.reading() as session:
            return _found(session, case)

    def targets(self, case: str, *, own: bool = True, dataset: str | None = None) -> tuple[Target, ...]:
        """Rows of a case in the order of their ledgers."""
        query = select(ErasedRow).where(ErasedRow.case == case, ErasedRow.own.is_(own))
        if dataset is not None:
            query = query.where(ErasedRow.dataset == dataset)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(ErasedRow.dataset, ErasedRow.ordinal))
            return tuple(Target(row.dataset, row.ordinal, row.row_id, row.outcome) for row in rows)

    def confirm(self, case: str, row_ids: Collection[str], *, others_are_not: bool) -> Found:
        """Mentioned rows become the person's own; the others of the case are let go when that is said."""
        waiting = (ErasedRow.case == case, ErasedRow.own.is_(False))
        with self._database.writing() as session:
            for batch in batched(sorted(set(row_ids))):
                session.execute(update(ErasedRow).where(*waiting, ErasedRow.row_id.in_(batch)).values(own=True))
            if others_are_not:
                session.execute(delete(ErasedRow).where(*waiting))
            return _found(session, case)

    def clear_records(self, case: str, tenant: str) -> int:
        """Delete the ledger entries, mentions and quarantine entries of the case's own rows; how many there were."""
        own = (ErasedRow.case == case, ErasedRow.own.is_(True))
        mine = select(ErasedRow.dataset, ErasedRow.ordinal).where(*own)
        ids = select(ErasedRow.row_id).where(*own)
        with self._database.writing() as session:
            gone = delete(LedgerRow).where(
                tuple_(LedgerRow.dataset, LedgerRow.ordinal).in_(mine), LedgerRow.row_id.in_(ids)
            )
            count = len(session.execute(gone.returning(LedgerRow.ordinal)).all())
            session.execute(
                delete(LedgerMentionRow).where(tuple_(LedgerMentionRow.dataset, LedgerMentionRow.ordinal).in_(mine))
            )
            session.execute(delete(QuarantineRow).where(QuarantineRow.tenant == tenant, QuarantineRow.row_id.in_(ids)))
        return count

    def keep_probe(self, case: str, probe: Reference | None) -> None:
        """Where the sealed sample stands by which a second search knows the rows; None when it was destroyed."""
        value = probe.model_dump(mode="json") if probe else None
        with self._database.writing() as session:
            session.execute(update(ErasureRow).where(ErasureRow.case == case).values(probe=value))

    def close(self, case: str, receipt: str, done: dict[str, Any]) -> None:
        """End a case with its receipt, and forget which rows it was about; again changes nothing."""
        with self._database.writing() as session:
            values = {"receipt": receipt, "done": done, "closed_at": now()}
            session.execute(
                update(ErasureRow).where(ErasureRow.case == case, ErasureRow.closed_at.is_(None)).values(**values)
            )
            session.execute(delete(ErasedRow).where(ErasedRow.case == case))

    def get(self, case: str) -> ErasureRecord:
        """Raises NotFound (`ERASURE_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(ErasureRow, case)
        if row is None:
            raise NotFound("ERASURE_UNKNOWN", "no case of this name", "see `assay erase list`")
        return _record(row)

    def list(self, tenant: str | None = None) -> tuple[ErasureRecord, ...]:
        """Cases, newest first."""
        query = select(ErasureRow).order_by(ErasureRow.opened_at.desc(), ErasureRow.case)
        if tenant is not None:
            query = query.where(ErasureRow.tenant == tenant)
        with self._database.reading() as session:
            return tuple(_record(row) for row in session.scalars(query))


def _own(request: ErasureRequest) -> list[ColumnElement[bool]]:
    if request.subject:
        return [LedgerRow.subject == request.subject]
    if request.dataset is None:
        return []
    of = [LedgerRow.dataset == request.dataset]
    return [*of, LedgerRow.source == request.source] if request.source else [*of, LedgerRow.row_id.in_(request.rows)]


def _mentioned(hashes: Collection[str]) -> Select[LedgerRow]:
    at = and_(LedgerRow.dataset == LedgerMentionRow.dataset, LedgerRow.ordinal == LedgerMentionRow.ordinal)
    joined = select(LedgerRow).join(LedgerMentionRow, and_(at, LedgerRow.row_id == LedgerMentionRow.row_id))
    return joined.where(LedgerMentionRow.hash.in_(hashes), LedgerRow.outcome != "refused")


def _enter(session: Session, case: str, rows: Select[LedgerRow], *, own: bool) -> None:
    known = exists().where(
        ErasedRow.case == case, ErasedRow.dataset == LedgerRow.dataset, ErasedRow.ordinal == LedgerRow.ordinal
    )
    found = rows.with_only_columns(
        literal(case).label("case"),
        LedgerRow.dataset,
        LedgerRow.ordinal,
        LedgerRow.row_id,
        LedgerRow.outcome,
        (true() if own else false()).label("own"),
    ).distinct()
    columns = ["case", "dataset", "ordinal", "row_id", "outcome", "own"]
    session.execute(_ROWS.insert().from_select(columns, found.where(~known)))


def _found(session: Session, case: str) -> Found:
    counted: dict[bool, dict[str, dict[str, int]]] = {True: defaultdict(dict), False: defaultdict(dict)}
    columns = (ErasedRow.own, ErasedRow.dataset, ErasedRow.outcome)
    query = select(*columns, func.count()).where(ErasedRow.case == case).group_by(*columns)
    for own, dataset, outcome, count in session.execute(query):
        of = counted[own][dataset]
        name = _OUTCOMES.get(outcome, "refused")
        of[name] = of.get(name, 0) + int(count)
    return Found(own=_sorted(counted[True]), mentioned=_sorted(counted[False]))


def _sorted(of: dict[str, dict[str, int]]) -> tuple[FoundIn, ...]:
    return tuple(FoundIn(dataset=dataset, **counts) for dataset, counts in sorted(of.items()))


def _record(row: ErasureRow) -> ErasureRecord:
    return ErasureRecord(**{name: getattr(row, name) for name in ErasureRecord.model_fields})

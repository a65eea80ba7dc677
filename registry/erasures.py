"""Cases of erasure: whose rows stand where, found by index and kept until the case is closed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union,
    update,
)
from sqlalchemy.orm import Session

from assay.contracts.base import Message, Reference
from assay.contracts.erasure import ErasureRequest, Found
from assay.contracts.errors import NotFound
from registry.batches import batched
from registry.columns import now
from registry.database import Database
from registry.erasure_counts import found_of
from registry.erasure_tables import NOWHERE, ErasedRow, ErasureRow, SuppressionRow
from registry.tables import DatasetRow, LedgerMentionRow, LedgerRow, QuarantineMentionRow, QuarantineRow

_ROWS = cast(Table, ErasedRow.__table__)


class Target(NamedTuple):
    """A row of a case. `ordinal` is its place in the dataset's ledger; `dataset` may be `NOWHERE`."""

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
        """Enter the rows of a request under its case, by indexes of ledger and quarantine; again adds what is new."""
        with self._database.writing() as session:
            if own := _own(request):
                _enter(session, case, select(LedgerRow).where(_of(request.tenant), *own), own=True)
            if request.mentions:
                gone = select(ErasedRow.row_id).where(ErasedRow.case == case, ErasedRow.let_go.is_(True))
                mentions = _mentioned(request.mentions).where(_of(request.tenant), LedgerRow.row_id.not_in(gone))
                _enter(session, case, mentions, own=False)
                _enter_aside(session, case, request)
            mine = select(ErasedRow.row_id).where(ErasedRow.case == case, ErasedRow.own.is_(True))
            theirs = ErasedRow.row_id.in_(_also_aside(mine, request))
            same = (ErasedRow.case == case, ErasedRow.own.is_(False), theirs)
            session.execute(update(ErasedRow).where(*same).values(own=True, let_go=False))
            if request.ground != "retention":
                # Copies in which no value was found, and refused ones: the ledger keeps no mentions of these.
                copies = select(LedgerRow).where(_of(request.tenant), LedgerRow.row_id.in_(mine))
                _enter(session, case, copies, own=True)
            aside = _aside(request).where(QuarantineRow.row_id.not_in(mine))
            waiting = set(session.scalars(aside)) if request.subject else ()
            found = found_of(session, case)
            return found.model_copy(update={"waiting": found.waiting + len(waiting)})

    def found(self, case: str) -> Found:
        """What stands under a case now."""
        with self._database.reading() as session:
            return found_of(session, case)

    def targets(self, case: str, *, dataset: str | None = None) -> tuple[Target, ...]:
        """The person's own rows of a case in the order of their ledgers."""
        query = select(ErasedRow).where(ErasedRow.case == case, ErasedRow.own.is_(True))
        return self._targets(query if dataset is None else query.where(ErasedRow.dataset == dataset))

    def waiting(self, case: str) -> tuple[Target, ...]:
        """Rows that mention the person, of which no reviewer has said yet whether they are about the person."""
        return self._targets(select(ErasedRow).where(*_waiting(case)))

    def undecided(self, case: str) -> frozenset[str]:
        """Ids of rows that mention the person and are not theirs so far: those that wait, and those let go."""
        with self._database.reading() as session:
            return frozenset(session.scalars(select(ErasedRow.row_id).where(*_mentions(case))))

    def _targets(self, query: Select[ErasedRow]) -> tuple[Target, ...]:
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(ErasedRow.dataset, ErasedRow.ordinal))
            return tuple(Target(row.dataset, row.ordinal, row.row_id, row.outcome) for row in rows)

    def rows(self, case: str, request: ErasureRequest) -> frozenset[str]:
        """Ids of the case's own rows, also of those that an intake set aside without sealing anything."""
        mine = select(ErasedRow.row_id).where(ErasedRow.case == case, ErasedRow.own.is_(True))
        with self._database.reading() as session:
            return frozenset({*session.scalars(mine), *session.scalars(_aside(request))})

    def sought(self, case: str, request: ErasureRequest) -> frozenset[str]:
        """Own rows that may stand nowhere any more: not those that another tenant has as well, and of retention not
        those that another dataset has, whose time is not over."""
        rows, kept = self.rows(case, request), set[str]()
        retained = request.ground == "retention"
        there = or_(DatasetRow.tenant != request.tenant, LedgerRow.dataset != request.dataset if retained else false())
        aside = QuarantineRow.tenant != request.tenant
        with self._database.reading() as session:
            if retained:
                aside = or_(aside, QuarantineRow.dataset != _name(session, request))
            for batch in batched(sorted(rows)):
                ledgers = select(LedgerRow.row_id).join(DatasetRow, DatasetRow.id == LedgerRow.dataset)
                kept.update(session.scalars(ledgers.where(LedgerRow.row_id.in_(batch), there)))
                queued = select(QuarantineRow.row_id).where(QuarantineRow.row_id.in_(batch), aside)
                kept.update(session.scalars(queued))
        return rows - kept

    def mentioned(self, case: str, hashes: Collection[str]) -> frozenset[str]:
        """Those of these hashes that no row but the case's own carries: a value may stand in rows that stay."""
        mine = exists().where(
            ErasedRow.case == case,
            ErasedRow.own.is_(True),
            ErasedRow.dataset == LedgerMentionRow.dataset,
            ErasedRow.ordinal == LedgerMentionRow.ordinal,
        )
        others = select(LedgerMentionRow.hash).where(LedgerMentionRow.hash.in_(hashes), ~mine).distinct()
        ids = select(ErasedRow.row_id).where(ErasedRow.case == case, ErasedRow.own.is_(True))
        aside = select(QuarantineMentionRow.hash).where(QuarantineMentionRow.hash.in_(hashes))
        aside = aside.where(QuarantineMentionRow.row_id.not_in(ids)).distinct()
        with self._database.reading() as session:
            return frozenset(hashes) - {*session.scalars(others), *session.scalars(aside)}

    def leaving(self, tenant: str, dataset: str) -> frozenset[str]:
        """Ids of rows of a dataset that no new version of it may hold: of any open case, or of who is suppressed."""
        opened = select(ErasedRow.row_id).join(ErasureRow, ErasureRow.case == ErasedRow.case)
        opened = opened.where(ErasureRow.tenant == tenant, ErasureRow.closed_at.is_(None))
        hashes = select(SuppressionRow.hash).where(SuppressionRow.tenant == tenant)
        listed = select(LedgerRow.row_id).where(
            LedgerRow.dataset == dataset, LedgerRow.subject.in_(hashes), LedgerRow.outcome != "refused"
        )
        with self._database.reading() as session:
            rows = session.scalars(opened.where(ErasedRow.dataset == dataset, ErasedRow.own.is_(True)))
            return frozenset({*rows, *session.scalars(listed)})

    def set_aside(self, case: str, request: ErasureRequest) -> tuple[Reference, ...]:
        """Quarantine shards with the case's own rows; for retention only of the dataset's own queues."""
        rows, found = self.rows(case, request), set[Reference]()
        with self._database.reading() as session:
            queues = _queues(session, request)
            for batch in batched(sorted(rows)):
                query = select(QuarantineRow.shard, QuarantineRow.shard_uri).where(*queues)
                of = session.execute(query.where(QuarantineRow.row_id.in_(batch)))
                found |= {Reference(uri=uri, sha256=digest) for digest, uri in of}
        return tuple(sorted(found, key=lambda one: one.sha256))

    def quarantine_shards(self, request: ErasureRequest) -> tuple[Reference, ...]:
        """Every shard that rows of the queues are said to stand in which a case may touch.

        A row that was found again by a later intake is still in the shard that it stood in, if others are.
        """
        with self._database.reading() as session:
            query = select(QuarantineRow.shard, QuarantineRow.shard_uri).where(*_queues(session, request)).distinct()
            return tuple(Reference(uri=uri, sha256=digest) for digest, uri in session.execute(query.order_by("shard")))

    def keep_ledger(self, dataset: str, ledger: Reference) -> None:
        """A dataset that stays has its ledger elsewhere now: written again without rows that were never in it."""
        with self._database.writing() as session:
            value = ledger.model_dump(mode="json")
            session.execute(update(DatasetRow).where(DatasetRow.id == dataset).values(ledger=value))

    def confirm(self, case: str, row_ids: Collection[str], others: Collection[str] = ()) -> Found:
        """Named rows become the person's own, also when another word let them go: who knows of one outweighs who does
        not. Of the `others` those that wait are let go."""
        waiting = _waiting(case)
        with self._database.writing() as session:
            for batch in batched(sorted(set(row_ids))):
                named = (*_mentions(case), ErasedRow.row_id.in_(batch))
                session.execute(update(ErasedRow).where(*named).values(own=True, let_go=False))
            for batch in batched(sorted(set(others))):
                # They stay under the case: the next search would find them again.
                session.execute(update(ErasedRow).where(*waiting, ErasedRow.row_id.in_(batch)).values(let_go=True))
            return found_of(session, case)

    def clear_records(self, case: str, request: ErasureRequest) -> int:
        """Delete the ledger entries, mentions and quarantine entries of the case's own rows; how many rows these are.

        Again it deletes nothing and answers the same.
        """
        own = (ErasedRow.case == case, ErasedRow.own.is_(True))
        mine = select(ErasedRow.dataset, ErasedRow.ordinal).where(*own)
        ids = select(ErasedRow.row_id).where(*own)
        with self._database.writing() as session:
            gone = delete(LedgerRow).where(
                tuple_(LedgerRow.dataset, LedgerRow.ordinal).in_(mine), LedgerRow.row_id.in_(ids)
            )
            session.execute(gone)
            session.execute(
                delete(LedgerMentionRow).where(tuple_(LedgerMentionRow.dataset, LedgerMentionRow.ordinal).in_(mine))
            )
            rows = or_(QuarantineRow.row_id.in_(ids), QuarantineRow.row_id.in_(_aside(request)))
            session.execute(delete(QuarantineRow).where(*_queues(session, request), rows))
            return session.scalar(select(func.count()).where(*own)) or 0

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


def _waiting(case: str) -> tuple[ColumnElement[bool], ...]:
    return (*_mentions(case), ErasedRow.let_go.is_(False))


def _mentions(case: str) -> tuple[ColumnElement[bool], ...]:
    return (ErasedRow.case == case, ErasedRow.own.is_(False))


def _of(tenant: str) -> ColumnElement[bool]:
    return LedgerRow.dataset.in_(select(DatasetRow.id).where(DatasetRow.tenant == tenant))


def _own(request: ErasureRequest) -> list[ColumnElement[bool]]:
    """A row's id leaves out whose it is: one text under two names is one row, of which one copy was accepted."""
    if request.subject:
        # One list of ids, so that a database looks them up by index; a keyed hash is of one tenant.
        theirs = select(LedgerRow.row_id).where(LedgerRow.subject == request.subject)
        return [LedgerRow.row_id.in_(union(theirs, _aside(request)))]
    if request.dataset is None:
        return []
    of = [LedgerRow.dataset == request.dataset]
    return [*of, LedgerRow.source == request.source] if request.source else [*of, LedgerRow.row_id.in_(request.rows)]


def _aside(request: ErasureRequest) -> Select[str]:
    """Quarantined rows of the person. An intake that could seal nothing entered them, and no ledger."""
    query = select(QuarantineRow.row_id)
    if not request.subject:
        return query.where(false())
    return query.where(QuarantineRow.tenant == request.tenant, QuarantineRow.subject == request.subject)


def _also_aside(ids: Select[str], request: ErasureRequest) -> Select[str] | CompoundSelect[str]:
    """Where no person is asked for, a database would still read its way to none."""
    return union(ids, _aside(request)) if request.subject else ids


def _name(session: Session, request: ErasureRequest) -> str:
    query = select(DatasetRow.name).where(DatasetRow.id == request.dataset, DatasetRow.tenant == request.tenant)
    return session.scalar(query) or ""


def _queues(session: Session, request: ErasureRequest) -> list[ColumnElement[bool]]:
    """Queues that a case may touch: all of the tenant's, or those of the one dataset whose time is over."""
    of = [QuarantineRow.tenant == request.tenant]
    return [*of, QuarantineRow.dataset == _name(session, request)] if request.ground == "retention" else of


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


def _enter_aside(session: Session, case: str, request: ErasureRequest) -> None:
    """Quarantined rows that mention the person and that no ledger told of, as far as the case does not know them."""
    known = _also_aside(select(ErasedRow.row_id).where(ErasedRow.case == case), request)
    named = select(QuarantineMentionRow.row_id).where(
        QuarantineMentionRow.tenant == request.tenant,
        QuarantineMentionRow.hash.in_(request.mentions),
        QuarantineMentionRow.row_id.not_in(known),
    )
    there = select(func.count()).where(ErasedRow.case == case, ErasedRow.dataset == NOWHERE)
    at = session.scalar(there) or 0
    entry = {"case": case, "dataset": NOWHERE, "outcome": "quarantined", "own": False}
    fresh = sorted(session.scalars(named.distinct()))
    if fresh:
        session.execute(_ROWS.insert(), [{**entry, "ordinal": n, "row_id": r} for n, r in enumerate(fresh, at)])


def _record(row: ErasureRow) -> ErasureRecord:
    return ErasureRecord(**{name: getattr(row, name) for name in ErasureRecord.model_fields})

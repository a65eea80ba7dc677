"""Rows that wait for a reviewer: where their text is (in quarantine shards alone), and what was decided about them.

A row is quarantined for one (tenant, dataset, purpose). Found again by a later intake it keeps what people decided,
unless there are codes now that they did not see: then it waits again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, cast

from pydantic import Field
from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.orm import Session

from assay.contracts.base import Digest, Message, Person, Reference, Slug
from assay.contracts.errors import Conflict
from assay.contracts.review import ReviewQueue, RowState
from registry import suppression
from registry.batches import batched
from registry.columns import now
from registry.database import Database
from registry.tables import QuarantineMentionRow, QuarantineRow, ShardKeyRow

_BATCH = 500
_TABLE = cast(Table, QuarantineRow.__table__)
_MENTIONS = cast(Table, QuarantineMentionRow.__table__)


class QuarantinedRow(Message):
    """A row as screening found it. `shard` and `ordinal` say where its text is; `subject` is a keyed hash.

    `mentions`, keyed hashes of whom it names, are looked up in the suppression list and in erasures; no record read
    back has them.
    """

    row_id: Digest
    source: Slug
    codes: tuple[str, ...] = Field(min_length=1)
    findings: tuple[str, ...] = Field(default=(), description="`category:kind:count`, as in the ledger")
    subject: str = ""
    mentions: tuple[str, ...] = ()
    shard: Reference
    ordinal: int = Field(ge=0)


class QuarantineRecord(QuarantinedRow):
    """A row with what became of it. `requesters` asked for an intake that found it: they do not review it."""

    state: RowState
    requesters: tuple[str, ...]
    reviewer: str | None = None
    reason: str | None = None
    statement: Digest | None = None
    decided_at: datetime | None = None


class Ruling(Message):
    """What was decided about rows, by whom and why. `statement` is the digest of the signed statement of it."""

    state: RowState
    reviewer: Person
    reason: str
    statement: Digest


class Quarantine:
    """Repository of quarantined rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, queue: ReviewQueue, rows: Iterable[QuarantinedRow], *, requested_by: str, owner: str | None = None
    ) -> int:
        """Enter rows that an intake found, and answer how many of them wait now; the same rows again add nothing.

        Shards in which a row stood before become the `owner`'s, an intake's name, which clears them when it ends.

        Given an owner, raises InputRefused (`SUBJECT_SUPPRESSED`) for who was erased since their rows were screened.
        """
        with self._database.writing() as session:
            suppression.lock(session, queue.tenant)
            return enter(session, Aside(queue, rows, requested_by, owner))

    def waiting(self, queue: ReviewQueue) -> tuple[QuarantineRecord, ...]:
        """Rows that nobody has decided about, in the order of their sources and shards."""
        return self.all(queue, "waiting")

    def all(self, queue: ReviewQueue, state: RowState | None = None) -> tuple[QuarantineRecord, ...]:
        """Rows of a queue, all or those of one state."""
        query = select(QuarantineRow).filter_by(**queue.model_dump())
        if state is not None:
            query = query.where(QuarantineRow.state == state)
        order = (QuarantineRow.source, QuarantineRow.shard, QuarantineRow.ordinal)
        with self._database.reading() as session:
            return tuple(_record(row) for row in session.scalars(query.order_by(*order)))

    def counts(self, tenant: str, dataset: str) -> dict[str, int]:
        """How many rows of a dataset are in which state, over all purposes."""
        query = select(QuarantineRow.state, func.count()).filter_by(tenant=tenant, dataset=dataset)
        with self._database.reading() as session:
            return {state: int(count) for state, count in session.execute(query.group_by(QuarantineRow.state))}

    def find(self, queue: ReviewQueue, row_id: str) -> QuarantineRecord | None:
        """One row of a queue; None where it was never set aside."""
        with self._database.reading() as session:
            row = session.get(QuarantineRow, (*queue.model_dump().values(), row_id))
            return _record(row) if row is not None else None

    def released(self, queue: ReviewQueue) -> Mapping[str, frozenset[str]]:
        """Row id -> the codes it was released with. A row that has other codes as well by now is not released."""
        query = select(QuarantineRow.row_id, QuarantineRow.codes).filter_by(**queue.model_dump(), state="released")
        with self._database.reading() as session:
            return {row_id: frozenset(codes) for row_id, codes in session.execute(query)}

    def decide(self, queue: ReviewQueue, row_ids: Sequence[str], ruling: Ruling) -> None:
        """Release or refuse rows that wait, all or none; the same ruling again changes nothing.

        Raises Conflict (`QUARANTINE_DECIDED`) when a row does not wait any more, or was never there.
        """
        with self._database.writing() as session:
            for row_id in row_ids:
                row = session.get(QuarantineRow, (*queue.model_dump().values(), row_id), with_for_update=True)
                if row is not None and row.state == "waiting":
                    row.state, row.reviewer, row.reason = ruling.state, ruling.reviewer, ruling.reason
                    row.statement, row.decided_at = ruling.statement, now()
                elif row is None or row.statement != ruling.statement:
                    raise Conflict(
                        "QUARANTINE_DECIDED", "a row of this ruling does not wait any more", "read them again"
                    )

    def of_subject(self, subject: str) -> tuple[tuple[ReviewQueue, QuarantineRecord], ...]:
        """Where rows of a data subject (its keyed hash) are quarantined, whatever was decided about them."""
        with self._database.reading() as session:
            found = session.scalars(select(QuarantineRow).where(QuarantineRow.subject == subject))
            return tuple((_queue(row), _record(row)) for row in found)

    def of_rows(self, tenant: str, row_ids: Iterable[str]) -> tuple[QuarantineRecord, ...]:
        """Rows by id in whichever of a tenant's queues they stand, whatever was decided about them."""
        found: list[QuarantineRecord] = []
        with self._database.reading() as session:
            for batch in batched(row_ids):
                of = select(QuarantineRow).where(QuarantineRow.tenant == tenant, QuarantineRow.row_id.in_(batch))
                found += (_record(row) for row in session.scalars(of))
        return tuple(found)

    def remove(self, tenant: str, row_ids: Iterable[str]) -> int:
        """Forget rows of a tenant in all of its queues, as erasure does; answer how many entries there were."""
        removed, left = 0, iter(row_ids)
        with self._database.writing() as session:
            while batch := list(islice(left, _BATCH)):
                gone = delete(QuarantineRow).where(QuarantineRow.tenant == tenant, QuarantineRow.row_id.in_(batch))
                removed += len(session.scalars(gone.returning(QuarantineRow.row_id)).all())
        return removed

    def shards_of(self, tenant: str, row_ids: Iterable[str]) -> tuple[Reference, ...]:
        """The shards in which the texts of these rows stand."""
        found: set[Reference] = set()
        left = iter(row_ids)
        columns = (QuarantineRow.shard, QuarantineRow.shard_uri)
        with self._database.reading() as session:
            while batch := list(islice(left, _BATCH)):
                query = select(*columns).where(QuarantineRow.tenant == tenant, QuarantineRow.row_id.in_(batch))
                found |= {Reference(uri=uri, sha256=digest) for digest, uri in session.execute(query)}
        return tuple(sorted(found, key=lambda one: one.sha256))

    def named(self, shards: Iterable[str]) -> set[str]:
        """Those of these shards (digests) that a row of any queue names, whatever was decided about it."""
        found: set[str] = set()
        with self._database.reading() as session:
            for batch in batched(shards):
                found.update(session.scalars(select(QuarantineRow.shard).where(QuarantineRow.shard.in_(batch))))
        return found

    def places(self, shard: Reference) -> dict[int, str]:
        """Rows that are said to stand in a shard, by their place in it. What was found again stands elsewhere."""
        query = select(QuarantineRow.ordinal, QuarantineRow.row_id).where(QuarantineRow.shard == shard.sha256)
        with self._database.reading() as session:
            return {row.ordinal: row.row_id for row in session.execute(query)}

    def moved(self, former: Reference, new: Reference | None, places: Sequence[int], without: Collection[str]) -> bool:
        """A shard was written again with the rows that stood at these places, as erasure does: say where they are.

        False, and nothing is said, where a row that is none of those `without` has come to stand elsewhere in it.
        """
        now_at = {ordinal: at for at, ordinal in enumerate(places)}
        with self._database.writing() as session:
            rows = list(session.scalars(select(QuarantineRow).where(QuarantineRow.shard == former.sha256)))
            others = [row for row in rows if row.row_id not in without]
            if any(row.ordinal not in now_at for row in others):
                return False
            if new is not None:
                for row in others:
                    row.shard, row.shard_uri, row.ordinal = new.sha256, new.uri, now_at[row.ordinal]
            return True

    def queues(self, tenant: str | None = None) -> tuple[ReviewQueue, ...]:
        """Queues in which rows wait, sorted."""
        columns = (QuarantineRow.tenant, QuarantineRow.dataset, QuarantineRow.purpose)
        query = select(*columns).where(QuarantineRow.state == "waiting").distinct().order_by(*columns)
        if tenant is not None:
            query = query.where(QuarantineRow.tenant == tenant)
        with self._database.reading() as session:
            return tuple(
                ReviewQueue.model_validate({"tenant": t, "dataset": d, "purpose": p})
                for t, d, p in session.execute(query)
            )


class Aside(NamedTuple):
    """Rows of one intake that wait for a reviewer."""

    queue: ReviewQueue
    rows: Iterable[QuarantinedRow]
    requested_by: str
    owner: str | None = None


def enter(session: Session, aside: Aside) -> int:
    """See `Quarantine.add`; in an open transaction that holds the tenant's lock of suppression."""
    waiting, former = 0, set[str]()
    for batch in batched(aside.rows):
        if aside.owner is not None:
            suppression.refuse(
                session, aside.queue.tenant, (one for row in batch for one in (row.subject, *row.mentions))
            )
        rows = {row.row_id: row for row in batch}
        among = select(QuarantineRow).filter_by(**aside.queue.model_dump()).where(QuarantineRow.row_id.in_(rows))
        known = {row.row_id: row for row in session.scalars(among.with_for_update())}
        former |= {row.shard for row in known.values()}
        for row_id, row in known.items():
            _found_again(row, rows[row_id], aside.requested_by)
        fresh = [_values(aside.queue, row, aside.requested_by) for row_id, row in rows.items() if row_id not in known]
        if fresh:
            session.execute(_TABLE.insert(), fresh)
        _name(session, aside.queue, batch)
        waiting += len(fresh) + sum(row.state == "waiting" for row in known.values())
    if aside.owner is not None:
        for shards in batched(sorted(former)):
            session.execute(update(ShardKeyRow).where(ShardKeyRow.shard.in_(shards)).values(owner=aside.owner))
    return waiting


def _found_again(known: QuarantineRow, row: QuarantinedRow, requested_by: str) -> None:
    unseen = set(row.codes) - set(known.codes)
    if known.state == "released" and unseen:
        known.state, known.reviewer, known.reason, known.statement, known.decided_at = "waiting", None, None, None, None
    # Whatever was decided: the copy that is named is the newest, and the others are nobody's.
    known.shard, known.shard_uri, known.ordinal = row.shard.sha256, row.shard.uri, row.ordinal
    if known.state == "waiting":
        known.codes, known.findings = list(row.codes), list(row.findings)
        known.subject = row.subject
        known.requesters = sorted({*known.requesters, requested_by})


def _name(session: Session, queue: ReviewQueue, rows: Sequence[QuarantinedRow]) -> None:
    """Keep whom they name, also of rows that an intake entered when nothing of it was kept."""
    named = {(row.row_id, one) for row in rows for one in row.mentions}
    if not named:
        return
    columns = (QuarantineMentionRow.row_id, QuarantineMentionRow.hash)
    of = select(*columns).filter_by(**queue.model_dump()).where(columns[0].in_({row_id for row_id, _ in named}))
    fresh = sorted(named - {(row_id, one) for row_id, one in session.execute(of)})
    if fresh:
        session.execute(_MENTIONS.insert(), [{**queue.model_dump(), "row_id": r, "hash": h} for r, h in fresh])


def _values(queue: ReviewQueue, row: QuarantinedRow, requested_by: str) -> dict[str, Any]:
    return {
        **queue.model_dump(),
        **row.model_dump(exclude={"mentions"}),
        "codes": list(row.codes),
        "findings": list(row.findings),
        "shard": row.shard.sha256,
        "shard_uri": row.shard.uri,
        "state": "waiting",
        "requesters": [requested_by],
        "created_at": now(),
    }


def _queue(row: QuarantineRow) -> ReviewQueue:
    return ReviewQueue.model_validate({name: getattr(row, name) for name in ReviewQueue.model_fields})


def _record(row: QuarantineRow) -> QuarantineRecord:
    columns = {name: getattr(row, name) for name in QuarantineRecord.model_fields if name != "mentions"}
    return QuarantineRecord.model_validate({**columns, "shard": {"uri": row.shard_uri, "sha256": row.shard}})

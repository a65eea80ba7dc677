"""Stages as pointers: moved by compare-and-set, each move with an event row in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from assay.contracts.errors import Conflict, IntegrityRefused
from assay.contracts.promotion import PointerMove, PointerMoved, PointerQuery
from registry.database import Database
from registry.erasure_tables import WithdrawalRow
from registry.tables import PointerEventRow, PointerRow

_EVENTS = cast(Table, PointerEventRow.__table__)


class PointerEvent(Message):
    """One move, as it is kept for ever."""

    stage: str
    revision: int
    target: str | None
    previous: str | None
    actor: str
    reason: str
    decision_id: str | None
    created_at: datetime


class Pointers:
    """Repository of stage pointers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, move: PointerMove) -> PointerMoved:
        """Compare and set. The same `key` again answers what it did the first time.

        Raises Conflict: `POINTER_MOVED` when the pointer holds something else than `expected`, `KEY_REUSED` when
        another move was made under the key. IntegrityRefused (`ARTIFACT_WITHDRAWN`): the target may not be used.
        """
        with self._database.writing() as session:
            pointer = self._lock(session, move)
            done = session.get(PointerEventRow, move.key)
            if done is not None:
                return _repeated(done, move)
            if move.target is not None and (gone := session.get(WithdrawalRow, move.target)) is not None:
                raise IntegrityRefused(
                    "ARTIFACT_WITHDRAWN",
                    f"{move.target} was made from rows that had to go (case {gone.case})",
                    "point at a version that was made without them",
                )
            if pointer.target != move.expected:
                raise Conflict(
                    "POINTER_MOVED",
                    f"{move.tenant}/{move.model}/{move.stage} points at {pointer.target}, not at {move.expected}",
                    "read the pointer again and decide anew",
                )
            return self._set(session, pointer, move)

    def read(self, query: PointerQuery) -> PointerMoved:
        """What the pointer holds; revision 0 when it never was moved."""
        with self._database.reading() as session:
            row = session.get(PointerRow, (query.tenant, query.model, query.stage))
        if row is None:
            return PointerMoved(target=None, previous=None, revision=0)
        return PointerMoved(target=row.target, previous=row.previous, revision=row.revision)

    def events(self, tenant: str, model: str) -> tuple[PointerEvent, ...]:
        """All moves of one model's pointers, oldest first."""
        query = (
            select(PointerEventRow)
            .where(PointerEventRow.tenant == tenant, PointerEventRow.model == model)
            .order_by(PointerEventRow.created_at, PointerEventRow.revision)
        )
        fields = PointerEvent.model_fields
        with self._database.reading() as session:
            return tuple(PointerEvent(**{f: getattr(row, f) for f in fields}) for row in session.scalars(query))

    def _lock(self, session: Session, move: PointerMove) -> PointerRow:
        """The pointer's row, made when absent, so that even two first moves wait for each other on PostgreSQL.

        (On SQLite the whole transaction is a write transaction already.) A refused move rolls the new row back.
        """
        where = {"tenant": move.tenant, "model": move.model, "stage": move.stage}
        self._database.add_once(session, PointerRow(**where, revision=0))
        pointer = session.get(PointerRow, tuple(where.values()), with_for_update=True)
        assert pointer is not None
        return pointer

    def _set(self, session: Session, pointer: PointerRow, move: PointerMove) -> PointerMoved:
        held = pointer.target
        pointer.target, pointer.previous, pointer.revision = move.target, held, pointer.revision + 1
        session.add(
            PointerEventRow(
                key=move.key,
                tenant=move.tenant,
                model=move.model,
                stage=move.stage,
                revision=pointer.revision,
                target=move.target,
                previous=held,
                actor=move.actor,
                reason=move.reason,
                decision_id=move.decision_id,
                created_at=self._database.moment(session, _EVENTS, tenant=move.tenant, model=move.model),
            )
        )
        return PointerMoved(target=move.target, previous=held, revision=pointer.revision)


def _repeated(done: PointerEventRow, move: PointerMove) -> PointerMoved:
    if (done.tenant, done.model, done.stage, done.target) != (move.tenant, move.model, move.stage, move.target):
        raise Conflict("KEY_REUSED", f"{move.key} names another move", "give every move its own key")
    return PointerMoved(target=done.target, previous=done.previous, revision=done.revision)

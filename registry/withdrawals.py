"""What may not be used any more because of what it was made from. Whatever is made from it later inherits that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from assay.contracts.errors import IntegrityRefused
from registry import lineage
from registry.batches import batched
from registry.database import Database
from registry.erasure_tables import WithdrawalRow
from registry.tables import LineageRow


class Withdrawal(Message):
    """One thing, and the case for which it was withdrawn first."""

    name: str
    kind: str
    case: str
    at: datetime


class Withdrawals:
    """Repository of withdrawals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def withdraw(self, case: str, datasets: Collection[str]) -> tuple[Withdrawal, ...]:
        """Quarantine datasets and all that was made from them, in one transaction; again changes nothing.

        Answers all of it, also what another case had withdrawn before.
        """
        with self._database.writing() as session:
            lineage.lock(session, shared=False)
            reached = _reached(session, datasets)
            for name, kind in reached.items():
                lineage.mark(self._database, session, name, kind, case)
            return _of(session, reached)

    def below(self, datasets: Collection[str]) -> tuple[Withdrawal, ...]:
        """Datasets and all that was made from them by now, as far as it is withdrawn; changes nothing."""
        with self._database.reading() as session:
            return _of(session, _reached(session, datasets))

    def of(self, names: Collection[str]) -> tuple[Withdrawal, ...]:
        """Those of these names that are withdrawn."""
        with self._database.reading() as session:
            return _of(session, names)

    def by_kind(self, kind: str) -> tuple[Withdrawal, ...]:
        """Everything of one kind that is withdrawn."""
        with self._database.reading() as session:
            rows = session.scalars(select(WithdrawalRow).where(WithdrawalRow.kind == kind)).all()
        return tuple(_record(row) for row in sorted(rows, key=lambda row: row.name))

    def refuse(self, name: str) -> None:
        """Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`) for what may not be used any more."""
        if found := self.of((name,)):
            raise IntegrityRefused(
                "ARTIFACT_WITHDRAWN",
                f"{name} was made from rows that had to go (case {found[0].case})",
                "use what was made without them; `assay erase show` names it",
            )


def _reached(session: Session, datasets: Collection[str]) -> dict[str, str]:
    """Name to kind of datasets and everything downstream, one query a step over the index of the lineage."""
    reached = dict.fromkeys(datasets, "dataset")
    front = list(reached)
    while front:
        found: dict[str, str] = {}
        for batch in batched(front):
            query = select(LineageRow.child, LineageRow.child_kind).where(LineageRow.parent.in_(batch))
            found |= {name: kind for name, kind in session.execute(query)}  # noqa: C416  # Row is no tuple type
        front = [name for name in found if name not in reached]
        reached |= {name: found[name] for name in front}
    return reached


def _of(session: Session, names: Collection[str]) -> tuple[Withdrawal, ...]:
    found: list[Withdrawal] = []
    for batch in batched(sorted(names)):
        rows = session.scalars(select(WithdrawalRow).where(WithdrawalRow.name.in_(batch)))
        found += [_record(row) for row in rows]
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


def _record(row: WithdrawalRow) -> Withdrawal:
    return Withdrawal(name=row.name, kind=row.kind, case=row.case, at=row.created_at)

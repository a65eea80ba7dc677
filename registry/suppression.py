"""Persons, by keyed hash of their id or of a value that names them, whose rows a tenant's intake refuses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from assay.contracts.base import Message
from assay.contracts.erasure import SuppressionLifted
from assay.contracts.errors import Conflict, InputRefused
from assay.contracts.names import may_be_of
from registry.batches import batched
from registry.columns import now
from registry.database import Database
from registry.erasure_tables import ErasureRow, SuppressionLiftedRow, SuppressionRow

_LOCK: Final = 7140213  # any number, the same in every process: PostgreSQL's advisory lock of a tenant's people


def lock(session: Session, tenant: str) -> None:
    """Let nobody be suppressed while rows are entered, and the other way round, until the transaction ends.

    Else each would miss what the other has not committed. SQLite has one writer at a time anyhow.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:of, hashtext(:tenant))"), {"of": _LOCK, "tenant": tenant})


def refuse(session: Session, tenant: str, hashes: Iterable[str]) -> None:
    """In an open transaction that holds the lock. Raises InputRefused (`SUBJECT_SUPPRESSED`) for who is on the list."""
    if among(session, tenant, hashes):
        raise InputRefused(
            "SUBJECT_SUPPRESSED",
            "there are rows of somebody, or about somebody, who was erased while they were screened",
            "start the intake again: it refuses those rows one by one",
        )


def among(session: Session, tenant: str, hashes: Iterable[str]) -> frozenset[str]:
    """Those of these hashes that are on a tenant's list."""
    found: set[str] = set()
    for batch in batched(sorted({one for one in hashes if one})):
        query = select(SuppressionRow.hash).where(SuppressionRow.tenant == tenant, SuppressionRow.hash.in_(batch))
        found.update(session.scalars(query))
    return frozenset(found)


class SuppressionRecord(Message):
    """A keyed hash whose rows intake refuses, and the case that put it on the list."""

    tenant: str
    hash: str
    case: str
    created_at: datetime


class LiftedRecord(Message):
    """Entries of a case that were taken off the list: who did it, and why."""

    tenant: str
    case: str
    reason: str
    actor: str
    created_at: datetime


class Suppression:
    """Repository of the suppression list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tenant: str, hashes: Iterable[str], case: str) -> None:
        """Suppress; again changes nothing."""
        with self._database.writing() as session:
            lock(session, tenant)
            for one in hashes:
                self._database.add_once(session, SuppressionRow(tenant=tenant, hash=one, case=case))

    def obeyed(self, tenant: str, hashes: Iterable[str]) -> frozenset[str]:
        """Those of these hashes that are suppressed: rows with any of them are refused (`SUBJECT_SUPPRESSED`)."""
        with self._database.reading() as session:
            return among(session, tenant, hashes)

    def cases(self, tenant: str, hashes: Iterable[str]) -> tuple[str, ...]:
        """Cases that put any of these hashes on the list, sorted."""
        of, found = SuppressionRow.tenant == tenant, set[str]()
        with self._database.reading() as session:
            for batch in batched(sorted({one for one in hashes if one})):
                found.update(session.scalars(select(SuppressionRow.case).where(of, SuppressionRow.hash.in_(batch))))
        return tuple(sorted(found))

    def lift(self, lifted: SuppressionLifted) -> int:
        """Take entries off the list, and keep who said so; how many went. What is erased stays erased.

        Raises Conflict (`SUPPRESSION_NEEDED`) while a case that put one there, or that is about it, is open: it would
        come back.
        """
        mine = (SuppressionRow.tenant == lifted.tenant, SuppressionRow.hash.in_(set(lifted.hashes)))
        begun = select(ErasureRow).where(ErasureRow.tenant == lifted.tenant, ErasureRow.closed_at.is_(None))
        with self._database.writing() as session:
            lock(session, lifted.tenant)
            gone = list(session.scalars(select(SuppressionRow).where(*mine)))
            cases = {one.case for one in gone}
            for case in session.scalars(begun):
                persons = case.ground != "retention"  # whose cases are about nobody
                if case.case in cases or (persons and may_be_of(case.workflow, lifted.hashes)):
                    raise Conflict("SUPPRESSION_NEEDED", f"case {case.case} is open", "lift it when the case has ended")
            for one in gone:
                session.delete(one)
            kept = {"tenant": lifted.tenant, "reason": lifted.reason, "actor": lifted.actor, "created_at": now()}
            session.add_all(SuppressionLiftedRow(case=case, **kept) for case in sorted(cases))
        return len(gone)

    def lifted(self, tenant: str | None = None) -> tuple[LiftedRecord, ...]:
        """What was taken off, oldest first."""
        query = select(SuppressionLiftedRow).order_by(SuppressionLiftedRow.created_at, SuppressionLiftedRow.case)
        if tenant is not None:
            query = query.where(SuppressionLiftedRow.tenant == tenant)
        with self._database.reading() as session:
            return tuple(
                LiftedRecord(
                    tenant=row.tenant, case=row.case, reason=row.reason, actor=row.actor, created_at=row.created_at
                )
                for row in session.scalars(query)
            )

    def list(self, tenant: str | None = None) -> tuple[SuppressionRecord, ...]:
        """What is on the list, oldest first."""
        query = select(SuppressionRow).order_by(SuppressionRow.created_at, SuppressionRow.hash)
        if tenant is not None:
            query = query.where(SuppressionRow.tenant == tenant)
        with self._database.reading() as session:
            return tuple(
                SuppressionRecord(tenant=row.tenant, hash=row.hash, case=row.case, created_at=row.created_at)
                for row in session.scalars(query)
            )

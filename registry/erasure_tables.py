"""What is withdrawn and erased, who is on the suppression list, and what a legal hold keeps: as tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from registry.columns import DIGEST, KEY, SLUG, Base, now

NOWHERE: Final = ""
"""In the place of a dataset: of a quarantined row that stands in no dataset's ledger."""


class ErasureRow(Base):
    """A case of erasure or retention. Whose it is stands nowhere here."""

    __tablename__ = "erasures"
    case: Mapped[str] = mapped_column(String(80), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    ground: Mapped[str] = mapped_column(String(31))
    workflow: Mapped[str] = mapped_column(KEY)
    requested_by: Mapped[str] = mapped_column(String(128))
    decision_id: Mapped[str] = mapped_column(String(63))
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    receipt: Mapped[str | None] = mapped_column(DIGEST)
    done: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]


class ErasedRow(Base):
    """A row that a case is about, until the case is closed. `own` is the person's; others only mention the person.

    One that an intake set aside without sealing anything is in no dataset (`NOWHERE`); its `ordinal` only counts.
    A reviewer who says that a mention is about somebody else lets it go: it is never asked about again in this case.
    """

    __tablename__ = "erasure_rows"
    case: Mapped[str] = mapped_column(ForeignKey("erasures.case"), primary_key=True)
    dataset: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    row_id: Mapped[str] = mapped_column(DIGEST)
    outcome: Mapped[str] = mapped_column(String(16))
    own: Mapped[bool]
    let_go: Mapped[bool] = mapped_column(default=False, server_default=false())


class WithdrawalRow(Base):
    """Something that may not be used any more, because of what it was made from; what is made from it inherits that."""

    __tablename__ = "withdrawals"
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(31))
    case: Mapped[str] = mapped_column(String(80), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class DestroyedRow(Base):
    """Something that was destroyed and has no key of its own, by digest, and for what: as `ShardKeyRow.reason`."""

    __tablename__ = "destroyed"
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    reason: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)


class SuppressionRow(Base):
    """A person, by keyed hash, whose rows a tenant's intake refuses."""

    __tablename__ = "suppressions"
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    case: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)


class SuppressionLiftedRow(Base):
    """The persons of a case were taken off the list: who did it, and why."""

    __tablename__ = "suppressions_lifted"
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    case: Mapped[str] = mapped_column(String(80), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now, primary_key=True)
    reason: Mapped[str] = mapped_column(String(2000))
    actor: Mapped[str] = mapped_column(String(128))


class HoldRow(Base):
    """A legal hold on a person (keyed hash) or a dataset of a tenant, or on all of it; in force until it is lifted."""

    __tablename__ = "holds"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    subject: Mapped[str | None] = mapped_column(String(64))
    dataset: Mapped[str | None] = mapped_column(DIGEST)
    reason: Mapped[str] = mapped_column(String(2000))
    actor: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(default=now)
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(128))

"""The record of truth as tables. Messages are stored as their canonical JSON beside the columns that are searched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from registry.columns import DIGEST, KEY, SLUG, Base, now


class BaseModelRow(Base):
    """A base model that adapters may be trained on."""

    __tablename__ = "base_models"
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    repository: Mapped[str] = mapped_column(String(255), index=True)
    revision: Mapped[str] = mapped_column(String(255))
    licence: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(String(4096))
    template: Mapped[str] = mapped_column(DIGEST)
    max_context: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class DatasetRow(Base):
    """A sealed dataset; `manifest` is the digest of its manifest blob, which is also its id."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    name: Mapped[str] = mapped_column(SLUG)
    purpose: Mapped[str] = mapped_column(String(63))
    dataset: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any]]
    ledger: Mapped[dict[str, Any]]
    quarantined: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LedgerRow(Base):
    """What became of one row of one source; no personal data, only keyed hashes of subjects."""

    __tablename__ = "ledger"
    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    row_id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(SLUG)
    outcome: Mapped[str] = mapped_column(String(16))
    codes: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(Text)
    consent: Mapped[str] = mapped_column(String(32))
    tier: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64), default="")
    __table_args__ = (Index("ledger_subject", "subject"), Index("ledger_row", "row_id"))


class QuarantineRow(Base):
    """A row that waits for a reviewer, or was decided on; its text stands in the shard alone."""

    __tablename__ = "quarantine"
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    dataset: Mapped[str] = mapped_column(SLUG, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(63), primary_key=True)
    row_id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    source: Mapped[str] = mapped_column(SLUG)
    codes: Mapped[list[str]] = mapped_column(JSON)
    findings: Mapped[list[str]] = mapped_column(JSON)
    subject: Mapped[str] = mapped_column(String(64), default="")
    shard: Mapped[str] = mapped_column(DIGEST)
    shard_uri: Mapped[str] = mapped_column(String(255))
    ordinal: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    requesters: Mapped[list[str]] = mapped_column(JSON)
    reviewer: Mapped[str | None] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)
    statement: Mapped[str | None] = mapped_column(DIGEST)
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        Index("quarantine_subject", "subject"),
        Index("quarantine_row", "row_id"),
        Index("quarantine_shard", "shard"),
    )


class QuarantineMentionRow(Base):
    """A quarantined row in which a personal value stands, as the keyed hash of that value.

    An intake that could seal nothing wrote no ledger: nothing else says whom such a row names. It goes with its row.
    """

    __tablename__ = "quarantine_mentions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    dataset: Mapped[str] = mapped_column(SLUG, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(63), primary_key=True)
    row_id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "dataset", "purpose", "row_id"],
            ["quarantine.tenant", "quarantine.dataset", "quarantine.purpose", "quarantine.row_id"],
            ondelete="CASCADE",
        ),
        Index("quarantine_mentions_row", "tenant", "dataset", "purpose", "row_id"),
    )


class RetentionRow(Base):
    """Until when rows of one source of a sealed dataset are kept, and what became of them."""

    __tablename__ = "retention"
    dataset: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    source: Mapped[str] = mapped_column(SLUG, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    name: Mapped[str] = mapped_column(SLUG)
    version: Mapped[int]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16), default="kept")
    changed_at: Mapped[datetime] = mapped_column(default=now)


class DataApprovalRow(Base):
    """A data owner's signed approval; what it says stands in the statement."""

    __tablename__ = "data_approvals"
    statement: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    uri: Mapped[str] = mapped_column(String(255))
    tenant: Mapped[str] = mapped_column(SLUG)
    source: Mapped[str] = mapped_column(SLUG)
    terms: Mapped[str] = mapped_column(DIGEST)
    intake: Mapped[str] = mapped_column(String(128), default="")
    owner: Mapped[str] = mapped_column(String(128))
    valid_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("data_approvals_source", "tenant", "source"),)


class RunRow(Base):
    """A training run."""

    __tablename__ = "runs"
    run_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    model: Mapped[str] = mapped_column(SLUG)
    version: Mapped[int]
    config_hash: Mapped[str] = mapped_column(DIGEST, index=True)
    result: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class RunSummaryRow(Base):
    """What runs are searched by: one row a run, finished or failed. See `registry.run_search`."""

    __tablename__ = "run_summaries"
    run: Mapped[str] = mapped_column(String(255), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    model: Mapped[str] = mapped_column(SLUG)
    version: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(31))
    cause: Mapped[str | None] = mapped_column(String(63), index=True)
    message: Mapped[str | None] = mapped_column(Text)
    config_hash: Mapped[str] = mapped_column(DIGEST)
    base: Mapped[str] = mapped_column(String(255))
    requested_by: Mapped[str] = mapped_column(String(128))
    method: Mapped[str] = mapped_column(String(31))
    objective: Mapped[str] = mapped_column(String(31))
    learning_rate: Mapped[float] = mapped_column(Double)
    warmup_steps: Mapped[int]
    max_steps: Mapped[int]
    checkpoint_every: Mapped[int]
    max_tokens: Mapped[int]
    rows_per_batch: Mapped[int]
    seed: Mapped[int]
    data_seed: Mapped[int]
    rank: Mapped[int]
    alpha: Mapped[int]
    dropout: Mapped[float] = mapped_column(Double)
    steps: Mapped[int]
    resumed_from_step: Mapped[int]
    attempts: Mapped[int]
    rollbacks: Mapped[int]
    loss_first: Mapped[float | None] = mapped_column(Double)
    loss_last: Mapped[float | None] = mapped_column(Double)
    heldout_loss: Mapped[float | None] = mapped_column(Double)
    tokens_per_second: Mapped[float | None] = mapped_column(Double)
    created_at: Mapped[datetime] = mapped_column(default=now)


class EvaluationRow(Base):
    """An evaluation report."""

    __tablename__ = "evaluations"
    report: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    model: Mapped[str] = mapped_column(SLUG)
    adapter: Mapped[str] = mapped_column(DIGEST, index=True)
    result: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class VersionRow(Base):
    """A registered model version. The digest is the identity; registering the same weights again adds nothing."""

    __tablename__ = "versions"
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    model: Mapped[str] = mapped_column(SLUG, primary_key=True)
    version: Mapped[int]
    signed: Mapped[dict[str, Any]]
    card: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any]]
    quarantined: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    # A version number names one set of weights for ever; the same weights may be promoted again under a later one.
    __table_args__ = (UniqueConstraint("tenant", "model", "version", name="versions_number"),)


class DecisionRow(Base):
    """A gate's decision."""

    __tablename__ = "decisions"
    decision_id: Mapped[str] = mapped_column(String(63), primary_key=True)
    gate: Mapped[str] = mapped_column(String(31))
    subject: Mapped[str | None] = mapped_column(DIGEST, index=True)
    allow: Mapped[bool]
    decision: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class PointerRow(Base):
    """What (tenant, model, stage) points at now; moved by compare-and-set on `revision`."""

    __tablename__ = "pointers"
    tenant: Mapped[str] = mapped_column(SLUG, primary_key=True)
    model: Mapped[str] = mapped_column(SLUG, primary_key=True)
    stage: Mapped[str] = mapped_column(String(31), primary_key=True)
    target: Mapped[str | None] = mapped_column(DIGEST)
    previous: Mapped[str | None] = mapped_column(DIGEST)
    revision: Mapped[int]


class PointerEventRow(Base):
    """One move of a pointer; append-only. `key` makes a move idempotent."""

    __tablename__ = "pointer_events"
    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG)
    model: Mapped[str] = mapped_column(SLUG)
    stage: Mapped[str] = mapped_column(String(31))
    revision: Mapped[int]
    target: Mapped[str | None] = mapped_column(DIGEST)
    previous: Mapped[str | None] = mapped_column(DIGEST)
    actor: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(String(2000))
    decision_id: Mapped[str | None] = mapped_column(String(63))
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("tenant", "model", "stage", "revision"),)


class IncidentRow(Base):
    """A rollback and, once recorded, its root cause."""

    __tablename__ = "incidents"
    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG)
    model: Mapped[str] = mapped_column(SLUG)
    incident: Mapped[dict[str, Any]]
    root_cause: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]
    __table_args__ = (Index("incidents_model", "tenant", "model"),)


class RouteRevisionRow(Base):
    """A published route table; append-only, the highest revision is in force."""

    __tablename__ = "route_revisions"
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(KEY, unique=True)
    table: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(String(2000))
    decision_id: Mapped[str] = mapped_column(String(63))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKeyRow(Base):
    """A tenant's API key, hashed."""

    __tablename__ = "api_keys"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(SLUG, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]


class LineageRow(Base):
    """`child` was made from `parent`."""

    __tablename__ = "lineage"
    parent: Mapped[str] = mapped_column(String(255), primary_key=True)
    child: Mapped[str] = mapped_column(String(255), primary_key=True)
    relation: Mapped[str] = mapped_column(String(127), primary_key=True)
    parent_kind: Mapped[str] = mapped_column(String(31))
    child_kind: Mapped[str] = mapped_column(String(31))
    __table_args__ = (Index("lineage_child", "child"),)


class ShardKeyRow(Base):
    """The key of one shard, wrapped; None when it was destroyed. `plain` is a keyed hash of what was encrypted.

    `owner` is the intake that made it, and destroys it at its end unless somebody else names it by then.
    """

    __tablename__ = "shard_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plain: Mapped[str | None] = mapped_column(String(64), unique=True)
    shard: Mapped[str | None] = mapped_column(DIGEST, unique=True)
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    master: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255), default="")
    owner: Mapped[str | None] = mapped_column(String(160), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    destroyed_at: Mapped[datetime | None]


class LedgerMentionRow(Base):
    """A row of a dataset in which a personal value stands, as the keyed hash of that value."""

    __tablename__ = "ledger_mentions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    row_id: Mapped[str] = mapped_column(DIGEST)
    __table_args__ = (Index("ledger_mentions_row", "dataset", "ordinal"),)

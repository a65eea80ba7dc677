"""cases of erasure, withdrawals, suppression list, legal holds, where persons are mentioned"""

import sqlalchemy as sa
from alembic import op

revision = "00302"
down_revision = "00301"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_mentions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.String(length=71), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"]),
        sa.PrimaryKeyConstraint("hash", "dataset", "ordinal"),
    )
    op.create_index("ledger_mentions_row", "ledger_mentions", ["dataset", "ordinal"])
    op.create_table(
        "erasures",
        sa.Column("case", sa.String(length=80), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("ground", sa.String(length=31), nullable=False),
        sa.Column("workflow", sa.String(length=1200), nullable=False),
        sa.Column("requested_by", sa.String(length=128), nullable=False),
        sa.Column("decision_id", sa.String(length=63), nullable=False),
        sa.Column("probe", sa.JSON(), nullable=True),
        sa.Column("receipt", sa.String(length=71), nullable=True),
        sa.Column("done", sa.JSON(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("case"),
    )
    op.create_index("ix_erasures_tenant", "erasures", ["tenant"])
    op.create_table(
        "erasure_rows",
        sa.Column("case", sa.String(length=80), nullable=False),
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.String(length=71), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["erasures.case"]),
        sa.PrimaryKeyConstraint("case", "dataset", "ordinal"),
    )
    op.create_table(
        "withdrawals",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=31), nullable=False),
        sa.Column("case", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_withdrawals_case", "withdrawals", ["case"])
    op.create_table(
        "suppressions",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("case", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash"),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("dataset", sa.String(length=71), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_holds_tenant", "holds", ["tenant"])


def downgrade() -> None:
    for table in ("holds", "suppressions", "withdrawals", "erasure_rows", "erasures", "ledger_mentions"):
        op.drop_table(table)

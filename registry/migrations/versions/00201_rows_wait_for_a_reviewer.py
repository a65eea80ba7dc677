"""rows wait for a reviewer"""

import sqlalchemy as sa
from alembic import op

revision = "00201"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quarantine",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=63), nullable=False),
        sa.Column("row_id", sa.String(length=71), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("shard", sa.String(length=71), nullable=False),
        sa.Column("shard_uri", sa.String(length=255), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requesters", sa.JSON(), nullable=False),
        sa.Column("reviewer", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("statement", sa.String(length=71), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "dataset", "purpose", "row_id"),
    )
    op.create_index("quarantine_subject", "quarantine", ["subject"])
    op.create_index("quarantine_row", "quarantine", ["row_id"])


def downgrade() -> None:
    op.drop_table("quarantine")

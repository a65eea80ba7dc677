"""rows of datasets expire"""

import sqlalchemy as sa
from alembic import op

revision = "00202"
down_revision = "00302"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source"),
    )
    op.create_index("ix_retention_tenant", "retention", ["tenant"])


def downgrade() -> None:
    op.drop_table("retention")

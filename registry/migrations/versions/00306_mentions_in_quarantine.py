"""whom quarantined rows name"""

import sqlalchemy as sa
from alembic import op

revision = "00306"
down_revision = "00305"
branch_labels = None
depends_on = None

ROW = ["tenant", "dataset", "purpose", "row_id"]


def upgrade() -> None:
    op.create_table(
        "quarantine_mentions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=63), nullable=False),
        sa.Column("row_id", sa.String(length=71), nullable=False),
        sa.ForeignKeyConstraint(ROW, [f"quarantine.{name}" for name in ROW], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", *ROW),
    )
    op.create_index("quarantine_mentions_row", "quarantine_mentions", ROW)


def downgrade() -> None:
    op.drop_table("quarantine_mentions")

"""who took a person off the suppression list, and why"""

import sqlalchemy as sa
from alembic import op

revision = "00304"
down_revision = "00303"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suppressions_lifted",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("case", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "case", "created_at"),
    )


def downgrade() -> None:
    op.drop_table("suppressions_lifted")

"""owners approve the use of their data"""

import sqlalchemy as sa
from alembic import op

revision = "00203"
down_revision = "00202"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_approvals",
        sa.Column("statement", sa.String(length=71), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("terms", sa.String(length=71), nullable=False),
        sa.Column("intake", sa.String(length=128), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("statement"),
    )
    op.create_index("data_approvals_source", "data_approvals", ["tenant", "source"])


def downgrade() -> None:
    op.drop_table("data_approvals")

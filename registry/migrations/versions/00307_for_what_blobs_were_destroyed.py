"""for what blobs without a key were destroyed"""

import sqlalchemy as sa
from alembic import op

revision = "00307"
down_revision = "00306"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destroyed",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )


def downgrade() -> None:
    op.drop_table("destroyed")

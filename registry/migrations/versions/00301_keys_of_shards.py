"""every shard has a key of its own"""

import sqlalchemy as sa
from alembic import op

revision = "00301"
down_revision = "00201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shard_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("plain", sa.String(length=64), nullable=True),
        sa.Column("shard", sa.String(length=71), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("master", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plain"),
        sa.UniqueConstraint("shard"),
    )


def downgrade() -> None:
    op.drop_table("shard_keys")

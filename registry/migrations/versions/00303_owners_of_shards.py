"""every shard is known by the intake that made it; quarantined rows by their shard"""

import sqlalchemy as sa
from alembic import op

revision = "00303"
down_revision = "00203"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shard_keys", sa.Column("owner", sa.String(length=160), nullable=True))
    op.create_index("ix_shard_keys_owner", "shard_keys", ["owner"])
    op.create_index("quarantine_shard", "quarantine", ["shard"])


def downgrade() -> None:
    op.drop_index("quarantine_shard", "quarantine")
    op.drop_index("ix_shard_keys_owner", "shard_keys")
    op.drop_column("shard_keys", "owner")

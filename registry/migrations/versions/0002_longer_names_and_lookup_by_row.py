"""longer names, lookup by ledger row, one set of weights a version number"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONGER = (
    ("ledger", "codes", sa.String(1024), sa.Text()),
    ("ledger", "licence", sa.String(255), sa.Text()),
    ("lineage", "relation", sa.String(31), sa.String(127)),
    ("incidents", "id", sa.String(512), sa.String(1200)),
    ("pointer_events", "key", sa.String(512), sa.String(1200)),
    ("route_revisions", "key", sa.String(512), sa.String(1200)),
)


def upgrade() -> None:
    for table, column, short, long in LONGER:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=short, type_=long, existing_nullable=False)
    op.create_index("ledger_row", "ledger", ["row_id"])
    with op.batch_alter_table("versions") as batch:
        batch.create_unique_constraint("versions_number", ["tenant", "model", "version"])


def downgrade() -> None:
    with op.batch_alter_table("versions") as batch:
        batch.drop_constraint("versions_number", type_="unique")
    op.drop_index("ledger_row", "ledger")
    for table, column, short, long in LONGER:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=long, type_=short, existing_nullable=False)

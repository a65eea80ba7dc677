"""which rows that mention a person a reviewer has let go"""

import sqlalchemy as sa
from alembic import op

revision = "00305"
down_revision = "00304"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erasure_rows", sa.Column("let_go", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("erasure_rows", "let_go")

"""runs are searched by hyperparameter, outcome and cause"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    summaries = op.create_table(
        "run_summaries",
        sa.Column("run", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=31), nullable=False),
        sa.Column("cause", sa.String(length=63), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("config_hash", sa.String(length=71), nullable=False),
        sa.Column("base", sa.String(length=255), nullable=False),
        sa.Column("requested_by", sa.String(length=128), nullable=False),
        sa.Column("method", sa.String(length=31), nullable=False),
        sa.Column("objective", sa.String(length=31), nullable=False),
        sa.Column("learning_rate", sa.Double(), nullable=False),
        sa.Column("warmup_steps", sa.Integer(), nullable=False),
        sa.Column("max_steps", sa.Integer(), nullable=False),
        sa.Column("checkpoint_every", sa.Integer(), nullable=False),
        sa.Column("max_tokens", sa.Integer(), nullable=False),
        sa.Column("rows_per_batch", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("data_seed", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("alpha", sa.Integer(), nullable=False),
        sa.Column("dropout", sa.Double(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("resumed_from_step", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rollbacks", sa.Integer(), nullable=False),
        sa.Column("loss_first", sa.Double(), nullable=True),
        sa.Column("loss_last", sa.Double(), nullable=True),
        sa.Column("heldout_loss", sa.Double(), nullable=True),
        sa.Column("tokens_per_second", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_index("ix_run_summaries_tenant", "run_summaries", ["tenant"])
    op.create_index("ix_run_summaries_cause", "run_summaries", ["cause"])
    for row in op.get_bind().execute(sa.select(_RUNS)).mappings().all():
        op.get_bind().execute(sa.insert(summaries).values(**_summary(row)))


def downgrade() -> None:
    op.drop_table("run_summaries")


_RUNS = sa.table(
    "runs",
    *(sa.column(name, sa.String()) for name in ("run_id", "tenant", "model", "config_hash")),
    sa.column("version", sa.Integer()),
    *(sa.column(name, sa.JSON()) for name in ("result", "request")),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def _summary(row: sa.RowMapping) -> dict[str, Any]:
    """Of a run of revision 0002, whose messages had these fields. All of them had finished."""
    request, result = row["request"], row["result"]
    spec = request["spec"]
    recipe = spec["recipe"]
    losses = [one["heldout_loss"] for one in result["candidates"] if one.get("heldout_loss") is not None]
    plain = ("learning_rate", "warmup_steps", "max_steps", "checkpoint_every", "max_tokens", "seed", "data_seed")
    return {
        "run": row["run_id"],
        **{name: row[name] for name in ("tenant", "model", "version", "config_hash", "created_at")},
        "outcome": "finished",
        "base": spec["base"]["repository"],
        "requested_by": request["requested_by"],
        **{name: recipe[name] for name in (*plain, "method", "objective")},
        **{name: recipe["lora"][name] for name in ("rank", "alpha", "dropout")},
        "rows_per_batch": sum(share["rows_per_batch"] for share in recipe["mix"]),
        **{name: result[name] for name in ("steps", "resumed_from_step", "attempts")},
        **{name: result[name] for name in ("loss_first", "loss_last", "tokens_per_second")},
        "rollbacks": 0,
        "heldout_loss": min(losses, default=None),
    }

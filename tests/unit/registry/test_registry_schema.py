"""Migrations: the same schema on both databases, up and down with data, and clear words when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from assay.contracts.errors import Conflict, InputRefused, IntegrityRefused, Unavailable
from assay.settings import Settings
from registry import Registry
from registry.columns import Base
from registry.database import make_engine
from registry.schema import migrate


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    made = make_engine(empty_url)
    yield made
    made.dispose()


def test_migrations_make_exactly_the_declared_tables(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_keeps_everything(registry: Registry, settings: Settings) -> None:
    key = registry.keys.create("acme")
    migrate(settings.database)
    assert registry.keys.tenant_of(key) == "acme"


# Rows as the first schema held them; later revisions must carry them up, and back down.
ROWS = (
    """INSERT INTO datasets VALUES ('sha256:d', 'acme', 'support', 'evaluate', '{}', '{}', '{}', false,
    '2026-01-01 00:00:00')""",
    """INSERT INTO ledger VALUES ('sha256:d', 'sha256:r', 0, 'tickets', 'redacted', 'PII_EMAIL', 'MIT', 'granted',
    'curated', '')""",
    "INSERT INTO lineage VALUES ('sha256:s', 'sha256:d', 'screened as tickets', 'source', 'dataset')",
    """INSERT INTO route_revisions VALUES (1, 'key', '{"revision": 1}', 'ann', 'first', 'd1', '2026-01-01 00:00:00')""",
    """INSERT INTO versions VALUES ('sha256:v', 'acme', 'helpdesk', 1, '{}', '{}', '{}', false,
    '2026-01-01 00:00:00')""",
)
RUN = """INSERT INTO runs VALUES ('acme.helpdesk.1.abc', 'acme', 'helpdesk', 1, 'sha256:c', '{result}', '{request}',
'2026-01-01 00:00:00')""".format(
    result=json.dumps(
        {
            **{"steps": 20, "resumed_from_step": 10, "attempts": 2, "loss_first": 2.0, "loss_last": 0.5},
            **{"tokens_per_second": 100.0, "candidates": [{"heldout_loss": 0.9}, {"heldout_loss": 0.8}]},
        }
    ),
    request=json.dumps(
        {
            "requested_by": "ann",
            "spec": {
                "base": {"repository": "acme/base"},
                "recipe": {
                    **{
                        "method": "lora",
                        "objective": "sft",
                        "learning_rate": 0.001,
                        "warmup_steps": 3,
                        "max_steps": 20,
                    },
                    **{"checkpoint_every": 10, "max_tokens": 256, "seed": 1, "data_seed": 1},
                    "lora": {"rank": 16, "alpha": 32, "dropout": 0.0},
                    "mix": [{"rows_per_batch": 2}, {"rows_per_batch": 3}],
                },
            },
        }
    ),
)
COUNTS = ("runs", "datasets", "ledger", "lineage", "route_revisions", "versions")


def counts(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in COUNTS]


def test_rows_go_up_and_down_with_the_schema(empty_url: str, engine: Engine) -> None:
    migrate(empty_url, "0001")
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for row in (*ROWS, RUN):
            connection.exec_driver_sql(row)
    for revision in ("head", "0001", "head"):
        migrate(empty_url, revision)
        assert counts(engine) == [1] * len(COUNTS)
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT codes, licence FROM ledger").one()
        found = connection.exec_driver_sql("SELECT run, cause, rows_per_batch, heldout_loss FROM run_summaries").one()
    assert tuple(kept) == ("PII_EMAIL", "MIT")
    assert tuple(found) == ("acme.helpdesk.1.abc", None, 5, 0.8)


def test_the_way_down_ends_without_tables_and_leads_up_again(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    migrate(empty_url, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(empty_url)
    assert set(Base.metadata.tables) < set(inspect(engine).get_table_names())


def test_a_schema_from_the_future_is_refused_by_name(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match="SCHEMA_UNKNOWN: the database has schema 9999"):
        migrate(empty_url)


@pytest.mark.parametrize("url", ["", "registry.sqlite", "sqlite://", "sqlite:///:memory:", "mysql://host/name"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InputRefused, match="DATABASE_URL_MALFORMED"):
        make_engine(url)


def test_a_server_that_is_away_is_worth_trying_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="DATABASE_UNREACHABLE"):
        migrate(f"postgresql+psycopg://assay@/registry?host={tmp_path}")


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "registry.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(IntegrityRefused, match="DATABASE_DAMAGED"):
        Registry.open(Settings(home=tmp_path))


def test_a_folder_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").mkdir()
    with pytest.raises(Unavailable, match="unable to open database file"):
        Registry.open(Settings(home=tmp_path))

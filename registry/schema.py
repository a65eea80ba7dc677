"""The schema's version, kept by Alembic; the migrations are shipped in `registry/migrations`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from assay.contracts.errors import Conflict
from registry.database import border, make_engine

_LOCK = 7140211  # any number, the same in every process: PostgreSQL's advisory lock of migrations


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`, up or down; several processes at once wait for each other.

    Nothing is locked when it stands there already, so that opening the registry never waits for a writer.

    Raises Unavailable (`DATABASE_UNREACHABLE`), IntegrityRefused (`DATABASE_DAMAGED`), Conflict (`SCHEMA_UNKNOWN`).
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    wanted = scripts.get_current_head() if revision == "head" else revision
    engine = make_engine(url)
    try:
        with border():
            with engine.connect() as connection:
                if _standing(connection) == wanted:
                    return
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                config.attributes["connection"] = connection
                _move(config, scripts, _standing(connection), revision)
    finally:
        engine.dispose()


def _standing(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _move(config: Config, scripts: ScriptDirectory, standing: str | None, revision: str) -> None:
    try:
        if standing is not None:
            scripts.get_revision(standing)
    except CommandError as error:
        raise Conflict(
            "SCHEMA_UNKNOWN",
            f"the database has schema {standing}, which this version of Assay does not know",
            "use the newer Assay that wrote it, or restore the backup from before",
        ) from error
    older = {one.revision for one in scripts.iterate_revisions(standing, "base")} if standing else set()
    down = revision == "base" or revision in older - {standing}
    (command.downgrade if down else command.upgrade)(config, revision)

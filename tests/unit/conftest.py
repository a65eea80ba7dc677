"""Installations on SQLite and a folder, and on PostgreSQL and S3: servers of our own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from sqlite3 import sqlite_version

import pytest

from assay.settings import Settings
from registry.columns import Base
from registry.schema import migrate
from tests._servers.postgresql import Server
from tests._servers.s3 import Server as S3


@pytest.fixture(scope="session")
def migrated(postgresql: Server) -> Server:
    """The server with a migrated database, `assay`."""
    postgresql.run("CREATE DATABASE assay")
    migrate(postgresql.url("assay"))
    return postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, ran_on: Callable[[str], None]) -> str:
    """Every test that uses the registry runs on both databases."""
    if request.param == "sqlite":
        ran_on(f"database: SQLite {sqlite_version}")
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "registry.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def install(backend: str, request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Settings]]:
    """Settings of a fresh installation with its state in a folder: SQLite and blobs there, or PostgreSQL and S3."""
    if backend == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def embedded(home: Path) -> Settings:
            shutil.copy(template, home / "registry.sqlite")
            return Settings(home=home)

        yield embedded
        return
    # Emptied, not made anew: a database of its own for every test would take most of the time.
    server: Server = request.getfixturevalue("migrated")
    blobs: S3 = request.getfixturevalue("on_s3")
    yield lambda home: Settings(home=home, database_url=server.url("assay"), blob_url=blobs.url())
    server.run(f"TRUNCATE {', '.join(Base.metadata.tables)}", database="assay")

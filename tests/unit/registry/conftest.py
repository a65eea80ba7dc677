"""The registry on SQLite and, where its programs are installed, on a PostgreSQL server of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from assay.contracts.base import BasePin, Rate, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.evaluation import ArmScores, EvaluationResult, PinnedEvaluation
from assay.contracts.promotion import CardDraft, PinnedPromotion, PromotionCase, SignedVersion
from assay.contracts.training import Candidate, DatasetShare, PinnedTraining, RunSpec, TrainingResult
from assay.settings import Settings
from registry import LedgerEntry, Registry
from registry.schema import migrate
from registry.tables import Base


def find_postgresql() -> Path | None:
    """Folder of the newest installed server's programs. Debian keeps them off PATH."""
    found = [Path(program).resolve().parent for program in (shutil.which("initdb"),) if program]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


POSTGRESQL = find_postgresql()
BACKENDS = ["sqlite"] if POSTGRESQL is None else ["sqlite", "postgresql"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly which databases were tried."""
    on = "SQLite only: no PostgreSQL programs (initdb, postgres) here" if POSTGRESQL is None else "SQLite, PostgreSQL"
    terminalreporter.write_line(f"registry: tested on {on}")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that listens on a Unix socket only."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://assay@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server of our own with a migrated database, `assay`; stopped by its pid."""
    assert POSTGRESQL is not None
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    # PostgreSQL refuses to run as root.
    drop: list[str] = []
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        drop = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    folder.chmod(0o755)
    data = folder / "data"
    initdb = [
        f"{POSTGRESQL}/initdb",
        "-D",
        str(data),
        "-U",
        "assay",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    ]
    subprocess.run([*drop, *initdb], check=True, capture_output=True, cwd=folder)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*drop, f"{POSTGRESQL}/postgres", "-D", str(data), *options], stderr=log, cwd=folder)
    try:
        running = Server(folder)
        _wait(running, server)
        running.run("CREATE DATABASE assay")
        migrate(running.url("assay"))
        yield running
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, without a checkpoint: nothing is kept
        server.wait(timeout=60)
        shutil.rmtree(folder)


def _wait(running: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            return running.run("SELECT 1")
        except OperationalError:
            assert process.poll() is None, (running.folder / "log").read_text()
            time.sleep(0.1)
    raise AssertionError((running.folder / "log").read_text())


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without a schema."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server: Server = request.getfixturevalue("postgresql")
    name = f"t{uuid.uuid4().hex}"
    server.run(f"CREATE DATABASE {name}")
    yield server.url(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "registry.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def settings(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a fresh installation with a migrated database."""
    home = tmp_path / "home"
    home.mkdir()
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), home / "registry.sqlite")
        yield Settings(home=home)
        return
    # Emptied, not made anew: a database of its own for every test would take most of the time.
    server: Server = request.getfixturevalue("postgresql")
    yield Settings(home=home, database_url=server.url("assay"))
    server.run(f"TRUNCATE {', '.join(Base.metadata.tables)}", database="assay")


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    opened = Registry.open(settings)
    yield opened
    opened.close()


def sha(text: str) -> str:
    return "sha256:" + text.encode().hex().rjust(64, "0")[-64:]


def ref(text: str) -> Reference:
    return Reference(uri="blob:" + sha(text).removeprefix("sha256:"), sha256=sha(text))


class Examples:
    """One of each, consistent with the others."""

    sha = staticmethod(sha)
    ref = staticmethod(ref)
    base = BasePin(repository="acme/base", revision="r1", digest=sha("base"))

    def intake(self, tenant: str = "acme", licence: str = "Apache-2.0") -> IntakeRequest:
        source = Source(
            name="tickets",
            uri="tickets.jsonl",
            system="helpdesk",
            owner="ann",
            licence=licence,
            purposes=("train-tenant-model",),
            consent="granted",
            retention_days=30,
            tier="human-gold",
        )
        return IntakeRequest(tenant=tenant, dataset="support", sources=(source,), requested_by="ann")

    def dataset(self, name: str = "dataset") -> Dataset:
        return Dataset(id=sha(name), manifest=ref(name), counts=RowCounts(read=3, accepted=2, redacted=1, refused=1))

    def entry(self, number: int, outcome: str = "accepted") -> LedgerEntry:
        return LedgerEntry(
            row_id=sha(f"row {number}"),
            ordinal=number,
            source="tickets",
            outcome=outcome,
            codes=("PII_EMAIL",) if outcome == "redacted" else (),
            licence="Apache-2.0",
            consent="granted",
            tier="human-gold",
            subject="5" * 64,
        )

    def candidate(self, step: int, adapter: str) -> Candidate:
        return Candidate(step=step, adapter=sha(adapter), files=ref(f"files {adapter}"), train_loss=0.5)

    def run(self, adapter: str = "adapter", tenant: str = "acme") -> tuple[TrainingResult, PinnedTraining]:
        spec = RunSpec(base=self.base, datasets=(DatasetShare(dataset=sha("dataset")),), template=sha("template"))
        request = PinnedTraining(tenant=tenant, model="helpdesk", version=1, spec=spec, requested_by="ann")
        result = TrainingResult(
            run_id=f"{tenant}.helpdesk.1.{adapter}",
            config_hash=spec.content_digest(),
            record=ref("record"),
            candidates=(self.candidate(10, f"{adapter} 10"), self.candidate(20, adapter)),
            steps=20,
            loss_first=2.0,
            loss_last=0.5,
            tokens_per_second=100.0,
        )
        return result, request

    def evaluation(self, adapter: str = "adapter", tenant: str = "acme") -> tuple[EvaluationResult, PinnedEvaluation]:
        candidates = self.run(adapter, tenant)[0].candidates
        request = PinnedEvaluation(
            tenant=tenant,
            model="helpdesk",
            version=1,
            base=self.base,
            template=sha("template"),
            suite=ref("suite"),
            candidates=candidates,
            requested_by="ann",
        )
        rates = (Rate(name="call_valid", count=9, total=10, low=0.6, high=0.98),)
        arms = tuple(
            ArmScores(
                name=f"step-{c.step}", split="select", adapter=c.adapter, rates=rates, samples=ref("samples"), seconds=1
            )
            for c in candidates
        )
        result = EvaluationResult(
            report=ref(f"report {adapter}"), chosen=candidates[-1], arms=arms, template=sha("template")
        )
        return result, request

    def case(self, adapter: str = "adapter", version: int = 1, tenant: str = "acme") -> PromotionCase:
        request = PinnedPromotion(
            tenant=tenant,
            model="helpdesk",
            version=version,
            base=self.base,
            datasets=(sha("dataset"),),
            training=self.run(adapter, tenant)[0],
            evaluation=self.evaluation(adapter, tenant)[0],
            requested_by="ann",
        )
        signed = SignedVersion(digest=sha(adapter), files=ref("files"), signature=ref("sig"), statements=(ref("slsa"),))
        return PromotionCase(request=request, card=CardDraft(card=ref("card"), diff=ref("diff")), version=signed)


@pytest.fixture(scope="session")
def suite_rows() -> list[dict[str, Any]]:
    """The smallest suite that can be evaluated on: each task in each split."""
    tool = {"type": "function", "function": {"name": "capital", "parameters": {"type": "object", "properties": {}}}}
    tasks: list[dict[str, Any]] = [
        {"task": "call", "tools": [tool], "expected": [{"name": "capital", "arguments": {}}]},
        {"task": "irrelevance", "tools": [tool]},
        {"task": "chat", "contains": ["Paris"]},
    ]
    return [
        {"id": f"{split} {row['task']}", "split": split, "messages": [{"role": "user", "content": f"{split}?"}], **row}
        for split in ("select", "report")
        for row in tasks
    ]


@pytest.fixture(scope="session")
def examples() -> Examples:
    return Examples()


@pytest.fixture
def all_at_once() -> Callable[[list[Callable[[], object]]], list[object]]:
    """Run functions in threads that start together; their results, or the exceptions they raised, in order."""

    def run(functions: list[Callable[[], object]]) -> list[object]:
        gate = Barrier(len(functions))

        def one(function: Callable[[], object]) -> object:
            gate.wait()
            try:
                return function()
            except Exception as error:  # the test looks at it
                return error

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(one, functions))

    return run

"""Sources in a scratch folder, and gates that answer by a rule a test gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import create_engine, text

from activities.data import deciding, repeats, staging
from activities.data.checks import Checks
from activities.data.dpia import Assessment
from activities.data.findings import Scanner
from activities.data.ledger import pseudonym_key
from activities.data.readers import source_digest
from activities.data.runners import Work
from activities.data.scanning import Look
from activities.data.shards import scan
from activities.data.verdicts import Question
from assay.contracts.base import Reference
from assay.contracts.data import IntakeRequest, Source
from assay.contracts.policy import Decision, Gate, Violation
from assay.contracts.screening import (
    DecideJob,
    IntakeKey,
    RawShard,
    ScannedShard,
    ScreenedSource,
    SealJob,
)
from assay.settings import Settings
from registry import BlobStore, Registry
from stack.keys import ensure_keys

Action = Callable[[dict[str, Any]], str | None]


@dataclass(frozen=True)
class StubAnswer:
    decision: Decision
    document: dict[str, Any]


@dataclass
class StubGate:
    """Answers by `action`: a row's facts -> accept, redact, refuse, or None to forget the row."""

    action: Action = field(default=lambda row: "redact" if row["findings"] else "accept")
    allow: bool = True
    document: dict[str, Any] | None = None
    code: str = "SOURCE_NO"
    treatments: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def decide(self, gate: Gate, facts: dict[str, Any]) -> StubAnswer:
        self.asked.append(facts)
        decision = Decision(
            gate=gate,
            allow=self.allow,
            violations=() if self.allow else (_violation(self.code),),
            decision_id=f"decision-{len(self.asked)}",
            policy_revision="sha256:" + "0" * 64,
            input=Reference(uri="blob:" + "0" * 64, sha256="sha256:" + "0" * 64),
        )
        rows = [
            {
                "row_id": row["row_id"],
                "action": action,
                "violations": [] if action == "accept" else [_code(action)],
                "treatments": self.treatments,
            }
            for row in facts["rows"]
            if (action := self.action(row))
        ]
        return StubAnswer(decision, {"rows": rows} if self.document is None else self.document)


def _violation(code: str) -> Violation:
    return Violation(code=code, msg="because", remedy="do otherwise")


def _code(action: str) -> dict[str, Any]:
    return _violation(f"ROW_{action.upper()}").model_dump()


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner()


@pytest.fixture
def gate() -> StubGate:
    return StubGate()


KEY = IntakeKey(tenant="acme", dataset="support", version=1, purpose="train-tenant-model")


class Here:
    """A runner that does the work at once."""

    lanes = 1

    def run(self, work: Work, batches: Iterable[Any]) -> Iterable[Any]:
        return map(work, batches)

    def close(self) -> None:
        pass


@dataclass
class Desk:
    """The stages of an intake one after the other, as the activities do them, with a gate that a test rules."""

    registry: Registry
    gate: StubGate
    scanner: Scanner
    folder: Path
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    rows_a_shard: int = 10_000
    checks: Checks = field(default_factory=Checks.installed)
    admitted: bool = True
    beats: list[tuple[str, int]] = field(default_factory=list)
    key: IntakeKey = KEY

    def stage(self, source: Source) -> tuple[RawShard, ...]:
        portions, digest = staging.Portions(self.rows_a_shard), source_digest(source)
        return staging.stage(self.key, source, digest, self.registry.shards, portions, self.beat("stage"))

    def scan(self, source: Source, shard: RawShard) -> ScannedShard:
        raw = self.registry.shards.fetch_file(shard.content, self.folder / "raw.parquet")
        look, target = Look(self.checks, lambda: self.scanner), self.folder / "found.parquet"
        found = scan(look, Here(), raw, target, f"{source.name}/{shard.number}", self.beat("scan"))
        stored = self.registry.shards.put_file(found, self.key.name)
        return ScannedShard(rows=shard.rows, found=stored, admitted=self.admitted)

    def screen_all(self, *sources: Source, assessment: Assessment | None = None) -> tuple[ScreenedSource, ...]:
        staged = [(source, shard) for source in sources for shard in self.stage(source)]
        found = [self.scan(source, shard) for source, shard in staged]
        raw = [shard.content for _, shard in staged]
        again = repeats.compare(self.key, found, raw, self.registry.shards, self.beat("compare"))
        tools = deciding.Tools(
            shards=self.registry.shards,
            blobs=self.registry.blobs,
            runner=Here(),
            subject_key=b"key",
            pseudonyms=pseudonym_key(b"key", self.key.tenant),
            suppressed=lambda hashes: self.registry.suppression.obeyed("acme", hashes),
            released=self.released,
            beat=self.beat("decide"),
            scanner=lambda: self.scanner,
        )
        decided = []
        for (source, shard), one, repeated in zip(staged, found, again, strict=True):
            job = DecideJob(
                intake=self.key,
                source=source,
                admitted=self.admitted,
                shard=shard,
                found=one.found,
                repeats=repeated,
            )
            question = Question(self.gate, self.key, source, assessment, self.now)
            decided.append((source.name, deciding.decide(job, question, tools)))
        return tuple(
            ScreenedSource(
                source=source.name,
                digest=source_digest(source),
                admitted=self.admitted,
                shards=tuple(shard for name, shard in decided if name == source.name),
            )
            for source in sources
        )

    def screen(self, source: Source) -> ScreenedSource:
        [screened] = self.screen_all(source)
        return screened

    @property
    def released(self) -> dict[str, frozenset[str]]:
        return {}

    def beat(self, stage: str) -> Callable[[int], None]:
        return lambda rows: self.beats.append((stage, rows))

    def table(self, *references: Reference | None) -> list[dict[str, Any]]:
        """Rows of shards or of parts of a ledger."""
        paths = (self.registry.shards.fetch_file(one, self.folder / "table") for one in references if one)
        return [row for path in paths for row in parquet.read_table(path).to_pylist()]

    def rows(self, screened: ScreenedSource) -> list[dict[str, Any]]:
        return self.table(*(shard.rows for shard in screened.shards))

    def ledger(self, screened: ScreenedSource) -> list[dict[str, Any]]:
        return self.table(*(shard.ledger for shard in screened.shards))

    def sealing(self, *sources: Source, **terms: object) -> SealJob:
        request = IntakeRequest(tenant="acme", dataset="support", sources=sources, requested_by="ann")
        return SealJob(request=request.model_copy(update=terms), screened=self.screen_all(*sources))


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def desk(tmp_path: Path, gate: StubGate, scanner: Scanner) -> Desk:
    ensure_keys(tmp_path)
    return Desk(Registry.open(Settings(home=tmp_path)), gate, scanner, tmp_path)


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """A row of kind replay that says `prompt`; further fields by name."""

    def make(prompt: str = "Hello?", **fields: object) -> dict[str, Any]:
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": "Hello."}]
        return {"id": "r", "kind": "replay", "messages": messages, "tools": [], **fields}

    return make


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Source]:
    """A source of these rows, or of these bytes."""

    def make(content: Iterable[object] | bytes, **terms: object) -> Source:
        path = tmp_path / "rows.jsonl"
        lines = content if isinstance(content, bytes) else "".join(json.dumps(r) + "\n" for r in content).encode()
        path.write_bytes(lines)
        plain: dict[str, Any] = {
            "name": "rows",
            "uri": str(path),
            "system": "helpdesk",
            "owner": "ann",
            "licence": "MIT",
            "purposes": ("train-tenant-model", "evaluate"),
            "consent": "granted",
            "retention_days": 30,
            "tier": "curated",
        }
        return Source(**{**plain, **terms})

    return make


@pytest.fixture
def database(tmp_path: Path, source: Callable[..., Source]) -> Callable[..., Source]:
    """A source of a query against a database of tickets, patients and a view that joins them."""
    url = f"sqlite:///{tmp_path / 'desk.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tickets (id INTEGER PRIMARY KEY, question TEXT, answer TEXT)"))
        connection.execute(text("CREATE TABLE patients (id INTEGER PRIMARY KEY, diagnosis TEXT)"))
        connection.execute(text("INSERT INTO tickets VALUES (1, 'Open?', 'At nine.'), (2, 'Closed?', 'At five.')"))
        connection.execute(text("INSERT INTO patients VALUES (1, 'flu'), (2, 'cold')"))
        connection.execute(text("CREATE VIEW handy AS SELECT t.*, diagnosis FROM tickets t JOIN patients p USING (id)"))
    engine.dispose()

    def make(query: str, **terms: object) -> Source:
        tables = {"tickets": "helpdesk", "patients": "patient-portal", "handy": "helpdesk"}
        return source(b"", **{"uri": url, "query": query, "tables": tables, **terms})

    return make

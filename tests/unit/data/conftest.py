"""Sources in a scratch folder, and gates that answer by a rule a test gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from activities.data.findings import Scanner
from activities.data.screening import Tools
from assay.contracts.base import Reference
from assay.contracts.data import ScreenJob, Source
from assay.contracts.policy import Decision, Gate, Violation
from registry import BlobStore

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
    asked: list[dict[str, Any]] = field(default_factory=list)

    def decide(self, gate: Gate, facts: dict[str, Any]) -> StubAnswer:
        self.asked.append(facts)
        decision = Decision(
            gate=gate,
            allow=self.allow,
            violations=() if self.allow else (_violation("SOURCE_NO"),),
            decision_id=f"decision-{len(self.asked)}",
            policy_revision="sha256:" + "0" * 64,
            input=Reference(uri="blob:" + "0" * 64, sha256="sha256:" + "0" * 64),
        )
        rows = [
            {"row_id": row["row_id"], "action": action, "violations": [] if action == "accept" else [_code(action)]}
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


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def tools(gate: StubGate, blobs: BlobStore, scanner: Scanner) -> Tools:
    return Tools(gate, blobs, scanner, b"key", datetime(2026, 1, 1, tzinfo=UTC), beat=lambda _: None)


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
def job() -> Callable[[Source], ScreenJob]:
    def make(source: Source) -> ScreenJob:
        return ScreenJob(tenant="acme", dataset="support", purpose="train-tenant-model", source=source)

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

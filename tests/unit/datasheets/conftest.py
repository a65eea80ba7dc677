"""A registry with datasets, and a licences gate that answers as a test says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assay.cli import main
from assay.contracts.base import Reference
from assay.contracts.policy import Decision, Gate
from assay.settings import Settings
from registry import Registry

from .house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    registry = Registry.open(Settings(home=tmp_path))
    yield House(registry, tmp_path)
    registry.close()


@dataclass(frozen=True)
class StubAnswer:
    decision: Decision
    document: dict[str, Any]


@dataclass
class StubGate:
    """Allows every licence, with notice for all but CC0."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def decide(self, gate: Gate, facts: dict[str, Any]) -> StubAnswer:
        self.asked.append(facts)
        nowhere = "0" * 64
        decision = Decision(
            gate=gate,
            allow=True,
            decision_id="decision",
            policy_revision=f"sha256:{nowhere}",
            input=Reference(uri=f"blob:{nowhere}", sha256=f"sha256:{nowhere}"),
        )
        terms = [
            {
                **{name: term[name] for name in ("expression", "rows")},
                "outcome": "allowed" if term["expression"] == "CC0-1.0" else "allowed with notice",
                "chosen": [term["expression"]],
                "obligations": [] if term["expression"] == "CC0-1.0" else ["notice"],
            }
            for term in facts["terms"]
        ]
        return StubAnswer(decision, {"outcome": "allowed with notice", "terms": terms})


@pytest.fixture
def gate() -> StubGate:
    return StubGate()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def assay(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run `assay ARGUMENTS` on this house."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return run

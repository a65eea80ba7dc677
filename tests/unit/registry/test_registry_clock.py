"""A clock that is set back: what was entered last stays the newest, and logs stay in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest

import registry.tables
from assay.contracts.base import BasePin
from assay.contracts.policy import Decision
from assay.contracts.promotion import PointerMove
from registry import BaseRecord, Registry
from registry.columns import now

A, B = ("sha256:" + letter * 64 for letter in "ab")
Set = Callable[[timedelta], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set the clock of the registry that far from the right time."""

    def by(amount: timedelta) -> None:
        class Shifted:
            @staticmethod
            def now(zone: tzinfo) -> datetime:
                return datetime.now(zone) + amount

        # Beneath `now`, which SQLAlchemy keeps as the default of columns.
        monkeypatch.setattr(registry.tables, "datetime", Shifted)

    return by


def move(target: str, expected: str | None, stage: str, key: str) -> PointerMove:
    return PointerMove.model_validate(
        {
            "tenant": "acme",
            "model": "helpdesk",
            "stage": stage,
            "target": target,
            "expected": expected,
            "actor": "ann",
            "reason": "because",
            "decision_id": "d1",
            "key": key,
        }
    )


def test_the_newest_run_is_the_one_entered_last(registry: Registry, examples: Any, clock: Set) -> None:
    registry.runs.add(*examples.run("first"))
    clock(-timedelta(days=1))
    registry.runs.add(*examples.run("second"))
    assert registry.runs.newest("acme", "helpdesk", 1).result.run_id == "acme.helpdesk.1.second"


def test_the_newest_base_is_the_one_registered_last(registry: Registry, examples: Any, clock: Set) -> None:
    for number in range(2):
        clock(-timedelta(days=number))
        pin = BasePin(repository="acme/base", revision=f"r{number}", digest=examples.sha(f"base {number}"))
        registry.bases.add(BaseRecord(pin=pin, licence="Apache-2.0", path="base", template=A, max_context=2048))
    assert registry.bases.get("acme/base").pin.revision == "r1"


def test_decisions_are_listed_as_they_were_made(registry: Registry, examples: Any, clock: Set) -> None:
    for number in range(3):
        clock(-timedelta(days=number))
        decision = Decision(
            gate="review", allow=True, decision_id=str(number), policy_revision="r", input=examples.ref("input")
        )
        registry.decisions.add(decision, A)
    assert [one.decision_id for one in registry.decisions.list(A)] == ["0", "1", "2"]


def test_runs_are_found_newest_first(registry: Registry, examples: Any, clock: Set) -> None:
    registry.runs.add(*examples.run("first"))
    clock(-timedelta(days=1))
    registry.runs.add(*examples.run("second"))
    assert [one.run for one in registry.runs.search()] == ["acme.helpdesk.1.second", "acme.helpdesk.1.first"]


def test_the_newest_seal_of_a_dataset_is_the_one_entered_last(registry: Registry, examples: Any, clock: Set) -> None:
    for name, shift in (("first", 0), ("second", -1), ("third", -2)):
        clock(timedelta(days=shift))
        registry.datasets.add(examples.dataset(name), examples.intake(), examples.ref("ledger"), ())
    assert registry.datasets.named("acme", "support", 1).dataset.id == examples.sha("third")


def test_the_log_of_moves_is_in_the_order_of_the_moves(registry: Registry, clock: Set) -> None:
    registry.pointers.move(move(A, None, "staging", "1"))
    clock(-timedelta(days=1))
    registry.pointers.move(move(A, None, "production", "2"))
    registry.pointers.move(move(B, A, "staging", "3"))
    events = registry.pointers.events("acme", "helpdesk")
    assert [(e.stage, e.target) for e in events] == [("staging", A), ("production", A), ("staging", B)]


def test_a_clock_that_was_ahead_is_not_followed_by_other_tenants(registry: Registry, examples: Any, clock: Set) -> None:
    clock(timedelta(days=365))
    registry.versions.add(examples.case(tenant="acme"))
    clock(timedelta(0))
    moment = registry.pointers.move(move(A, None, "staging", "1"))
    [event] = registry.pointers.events("acme", "helpdesk")
    assert moment.revision == 1
    assert event.created_at - now() < timedelta(minutes=1)

"""The checks of the chaos tests find what they are for. No stack runs here: each test breaks one thing by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from assay.client import AssayClient
from assay.contracts.base import BasePin
from assay.contracts.lifecycle import LifecycleStatus
from assay.contracts.promotion import PointerMove
from assay.contracts.rollout import Arm, Route, RouteTable
from registry.database import Database
from stack.leftovers import MARK
from workflows import ALL

from .engine import LOADS
from .histories import ids
from .house import House
from .invariants import Checker
from .life import Life, request
from .traffic import Seen, Traffic

A, B = ("sha256:" + letter * 64 for letter in "ab")
NAME = "acme.helpdesk.aaaaaaaaaaaa"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "house")
    made.home.mkdir()
    assert made.registry  # its tables are made
    yield made
    made.registry.close()


@pytest.fixture
def checker(house: House) -> Checker:
    return Checker(house, Database(house.settings.database), {})


@pytest.fixture
def life(house: House) -> Life:
    """It says of itself that it is in production."""
    made = Life(cast(AssayClient, None), request(house.data, "acme", "helpdesk", 1))
    made.status = LifecycleStatus(stage="production", version=A)
    return made


def move(house: House, target: str, expected: str | None, stage: str, key: str) -> None:
    house.registry.pointers.move(
        PointerMove.model_validate(
            {
                "tenant": "acme",
                "model": "helpdesk",
                "stage": stage,
                "target": target,
                "expected": expected,
                "actor": "ann",
                "reason": "because",
                "decision_id": "d",
                "key": key,
            }
        )
    )


def promoted_once(checker: Checker, life: Life) -> list[str]:
    return list(checker._promoted_once(life))


def test_a_promotion_that_is_missing_or_made_twice_is_found(house: House, checker: Checker, life: Life) -> None:
    assert len(promoted_once(checker, life)) == 2
    move(house, A, None, "staging", "promotion/acme/helpdesk/1/r/staging")
    move(house, A, None, "production", "rollout/acme/helpdesk/1/r/promote")
    assert promoted_once(checker, life) == []
    move(house, A, A, "production", "rollout/acme/helpdesk/1/another-run/promote")
    assert "2 moves of production" in promoted_once(checker, life)[0]


def test_a_lifecycle_that_ended_otherwise_is_found(checker: Checker, life: Life) -> None:
    life.status = LifecycleStatus(stage="failed", reasons=("TRAINER_CRASHED: it did",))
    assert list(checker.life(life)) == ["acme/helpdesk/1 ended failed: TRAINER_CRASHED: it did"]


def test_a_blob_with_other_bytes_is_found_and_a_writers_leftover_is_not(house: House, checker: Checker) -> None:
    stored = house.registry.blobs.put(b"rows")
    [path] = [path for path in (house.home / "blobs").rglob("*") if path.is_file()]
    (path.parent / f"{path.name}#1").write_bytes(b"ro")
    assert list(checker.files()) == []
    path.write_bytes(b"ro")
    assert list(checker.files()) == [f"blob {stored.sha256.removeprefix('sha256:')} holds other bytes"]


UNASKED = {"dataapproval", "datareview", "erasure"}
"""What no life of a campaign begins: its sources demand no owner's word, its rows are clean, and nobody leaves."""


def test_the_histories_of_every_workflow_are_looked_at(life: Life) -> None:
    looked_at = {id_.split("/")[0] for id_ in ids(life.request, "run")}
    assert looked_at | UNASKED == {each.__name__.lower() for each in ALL}


@pytest.mark.parametrize(
    ("how", "digest", "found"), [("signature", A, False), ("digest", A, True), ("signature", B, True)]
)
def test_a_load_that_no_signature_covers_is_found(
    house: House, checker: Checker, how: str, digest: str, found: bool
) -> None:
    (house.home / "logs").mkdir()
    (house.home / "engine").mkdir()
    said = f"2026 INFO assay.audit.loads verified {digest} by {how} to load as {NAME}\n"
    (house.home / "logs" / "worker-serving.log").write_text(said)
    (house.home / "engine" / LOADS).write_text(json.dumps({"name": NAME, "digest": A}) + "\n")
    assert bool(list(checker.loads())) is found


def seen(status: int = 200, adapter: str = A, revision: int = 1, started: float = 100.0) -> Seen:
    return Seen("acme", "helpdesk", started, started + 1, status, "stable", adapter, revision)


def test_answers_of_a_wrong_arm_of_an_old_table_and_for_no_reason_are_found(house: House, checker: Checker) -> None:
    base = BasePin(repository="acme/base", revision="1", digest=B)
    for revision, version in ((1, A), (2, B)):
        arms = (Arm(name="stable", version=version, adapter="x", percent=100),)
        table = RouteTable(revision=revision, routes=(Route(tenant="acme", model="helpdesk", base=base, arms=arms),))
        house.registry.routes.publish(table, key=str(revision), actor="ann", reason="r", decision_id="d")
    traffic = Traffic(house, {}, down=[(200.0, 210.0)])

    def wrong(one: Seen) -> list[str]:
        traffic.seen[:] = [one]
        return list(checker.answers(traffic, [(150.0, 2)]))

    assert wrong(seen()) == []
    assert wrong(seen(adapter=B, revision=2, started=160)) == []
    assert "no arm of revision 1" in wrong(seen(adapter=B))[0]
    assert "answered from revision 1 after 2" in wrong(seen(started=160))[0]
    assert "failed with nothing down" in wrong(seen(status=503))[0]
    assert wrong(seen(status=503, started=205)) == []


def test_a_process_that_belongs_to_nobody_is_found(house: House) -> None:
    nap = shutil.which("sleep")
    assert nap
    left = subprocess.Popen([nap, "600"], env={**os.environ, MARK: str(house.home.resolve())})
    try:
        assert house.strangers() == [f"{left.pid} {nap} 600"]
    finally:
        left.kill()
        left.wait()

"""What one case holds is not destroyed by another that meets it in a shard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activities.erasure import resealing, shredding, withdrawing
from assay.contracts.erasure import CaseJob, HoldPlaced
from assay.contracts.names import erasure_id, erasure_what
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, Said, asks, column, erase, job, retention, seal, searched, sha

HELD, VALUE, OWNER, SECOND = "8" * 64, "a" * 64, "7" * 64, "acme.000000000001"
ROWS: list[Said] = [
    (1, OTHER, "accepted", asks("a question about the weather number 1")),
    (2, SUBJECT, "accepted", asks(PER_CASE)),
    (3, OWNER, "accepted", asks("write to erika instead, by the old mill")),
]


def hold(registry: Registry, person: str) -> str:
    return registry.holds.place(HoldPlaced(tenant="acme", subject=person, reason="a lawsuit", actor="leo"))


def case_of(person: str, **fields: Any) -> CaseJob:
    mine = job(SECOND, **{"subject": person, "mentions": (VALUE,), **fields})
    return mine.model_copy(update={"workflow": erasure_id("acme", person)})


@pytest.mark.parametrize("known_by", ["list", "workflow", "workflow with values", "nothing"])
def test_a_row_that_was_confirmed_stays_while_its_case_is_held(
    registry: Registry, tmp_path: Path, known_by: str
) -> None:
    seal(registry, tmp_path, ROWS, named={3: [VALUE]})
    held = case_of(HELD, suppress=known_by == "list")
    named = {
        "list": erasure_id("acme", "b" * 64),
        "workflow": erasure_id("acme", HELD),
        "workflow with values": erasure_id("acme", erasure_what(HELD, [VALUE, "c" * 64])),
        "nothing": "erasure/by-hand",
    }
    held = held.model_copy(update={"workflow": named[known_by]})
    withdrawing.withdraw(registry, held)
    registry.erasures.confirm(held.case, (sha(3),))
    first, id_ = withdrawing.withdraw(registry, held), hold(registry, HELD)
    assert shredding.held(registry, held).holds

    other = job()
    _, [made], _ = erase(registry, tmp_path, other)
    assert column(registry, made.dataset, tmp_path) == [sha(1)]
    assert column(registry, made.replaces, tmp_path) == [sha(3)]
    assert searched(registry, other, tmp_path).found == ()

    registry.holds.lift(id_, "leo")
    resealing.reseal(registry, held)
    shredding.shred(registry, held, first, tmp_path)
    assert column(registry, made.replaces, tmp_path) == []
    assert searched(registry, held, tmp_path).found == ()


def test_a_row_that_names_who_is_held_stays(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, ROWS, named={3: [VALUE]})
    hold(registry, VALUE)
    withdrawing.withdraw(registry, job(SECOND, subject=OWNER))  # so that no new version has it
    _, [made], _ = erase(registry, tmp_path, job())
    assert column(registry, made.replaces, tmp_path) == [sha(3)]


@pytest.mark.parametrize("case", ["of a person", "of retention"])
def test_rows_of_a_case_that_is_not_held_go(registry: Registry, tmp_path: Path, case: str) -> None:
    dataset = seal(registry, tmp_path, ROWS, named={3: [VALUE]})
    hold(registry, HELD)
    beside = case_of(OWNER)
    if case == "of retention":
        expired = retention(dataset, source=None, rows=(sha(3),), case=SECOND)
        beside = expired.model_copy(update={"workflow": erasure_id("acme", dataset.id)})
    withdrawing.withdraw(registry, beside)
    _, [made], _ = erase(registry, tmp_path, job())
    assert column(registry, made.replaces, tmp_path) == []

"""Rows that only mention the person, of an intake that set all of its rows aside and sealed nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activities.erasure import mentions, shredding, withdrawing
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseJob, HoldPlaced
from assay.contracts.erasure_totals import counted
from assay.contracts.review import ReviewQueue
from registry import Registry
from registry.erasure_tables import NOWHERE
from registry.quarantine import Ruling

from .scene import OTHER, SUBJECT, Said, asks, erase, job, seal, searched, set_aside, sha

NAMED, TEXT = "a" * 64, "write to erika instead, by the old mill"
ROWS: list[Said] = [(1, OTHER, "quarantined", asks("the weather number one")), (2, OTHER, "quarantined", asks(TEXT))]


def asked(**fields: Any) -> CaseJob:
    return job(**{"subject": None, "mentions": (NAMED,), **fields})


def waiting(registry: Registry, tmp_path: Path) -> tuple[ReviewQueue, Reference]:
    return set_aside(registry, tmp_path, ROWS, named={2: [NAMED, "b" * 64]})


def ids(registry: Registry, queue: ReviewQueue) -> list[str]:
    return [row.row_id for row in registry.quarantine.all(queue)]


@pytest.mark.parametrize("state", ["waiting", "released"])
def test_it_waits_for_a_reviewer_and_goes_when_it_is_confirmed(registry: Registry, tmp_path: Path, state: str) -> None:
    queue, shard = waiting(registry, tmp_path)
    if state == "released":
        ruling = Ruling(state="released", reviewer="bea", reason="a quotation", statement=sha(9))
        registry.quarantine.decide(queue, [sha(2)], ruling)
    mine = asked()
    withdrawn, _, _ = erase(registry, tmp_path, mine)
    assert (withdrawn.found.own, withdrawn.found.mentioned, withdrawn.found.mentioned_waiting) == ((), (), 1)
    assert counted(withdrawn.found).mentioned.aside == 1
    assert registry.shards.readable(shard)
    [row] = mentions.rows(registry, mine.case)
    assert row.content is not None
    assert (row.row_id, row.datasets, row.content["messages"]) == (sha(2), (), asks(TEXT))

    found = registry.erasures.confirm(mine.case, (sha(2),))
    assert (found.waiting, found.mentioned_waiting) == (1, 0)
    withdrawn, made, shredded = erase(registry, tmp_path, mine)
    assert (withdrawn.found.waiting, withdrawn.found.mentioned_waiting, made) == (1, 0, ())
    assert shredded.shards == (shard.sha256,)
    assert not registry.shards.readable(shard)
    assert ids(registry, queue) == [sha(1)]
    assert registry.erasures.mentioned(mine.case, (NAMED,)) == {NAMED}
    assert registry.erasures.sought(mine.case, mine.request) == {sha(2)}
    assert searched(registry, mine, tmp_path).found == ()
    assert mentions.rows(registry, mine.case) == ()


def test_what_was_let_go_stays_and_is_not_looked_for(registry: Registry, tmp_path: Path) -> None:
    queue, shard = waiting(registry, tmp_path)
    mine = asked()
    erase(registry, tmp_path, mine)
    registry.erasures.confirm(mine.case, (), (sha(2),))
    withdrawn, _, _ = erase(registry, tmp_path, mine)
    assert withdrawn.found.mentioned_waiting == 0
    assert registry.shards.readable(shard)
    assert ids(registry, queue) == [sha(1), sha(2)]
    assert searched(registry, mine, tmp_path).found == ()


def test_a_row_that_is_found_later_waits_for_a_word_of_its_own(registry: Registry, tmp_path: Path) -> None:
    waiting(registry, tmp_path)
    mine = asked()
    withdrawing.withdraw(registry, mine)
    registry.erasures.confirm(mine.case, (), (sha(2),))
    set_aside(registry, tmp_path, [(3, OTHER, "quarantined", asks(TEXT))], name="mail", stamp="m", named={3: [NAMED]})
    for _ in range(2):
        assert withdrawing.withdraw(registry, mine).found.mentioned_waiting == 1
    assert [(one.row_id, one.dataset) for one in registry.erasures.waiting(mine.case)] == [(sha(3), NOWHERE)]


def test_a_row_of_a_ledger_waits_once(registry: Registry, tmp_path: Path) -> None:
    sealed = seal(registry, tmp_path, [(3, OTHER, "accepted", asks("number three")), *ROWS], named={2: [NAMED]})
    waiting(registry, tmp_path)
    mine = asked()
    found = withdrawing.withdraw(registry, mine).found
    assert ([(one.dataset, one.aside) for one in found.mentioned], found.mentioned_waiting) == ([(sealed.id, 1)], 0)


def test_a_row_that_is_the_persons_does_not_wait(registry: Registry, tmp_path: Path) -> None:
    waiting(registry, tmp_path)
    mine = asked(subject=SUBJECT)
    assert withdrawing.withdraw(registry, mine).found.mentioned_waiting == 1
    set_aside(registry, tmp_path, [(2, SUBJECT, "quarantined", asks(TEXT))], name="mail", named={2: [NAMED]})
    for again in (mine, asked(subject=SUBJECT, case="acme.000000000001")):
        found = withdrawing.withdraw(registry, again).found
        assert (found.waiting, found.mentioned_waiting) == (1, 0)


def test_another_tenant_is_not_asked(registry: Registry, tmp_path: Path) -> None:
    waiting(registry, tmp_path)
    assert withdrawing.withdraw(registry, asked(tenant="globex")).found.mentioned_waiting == 0


@pytest.mark.parametrize("person", [OTHER, "b" * 64])
def test_a_hold_on_whose_it_is_or_whom_it_names_keeps_it(registry: Registry, tmp_path: Path, person: str) -> None:
    waiting(registry, tmp_path)
    hold = registry.holds.place(HoldPlaced(tenant="acme", subject=person, reason="a lawsuit", actor="leo"))
    mine = asked()
    withdrawing.withdraw(registry, mine)
    assert shredding.held(registry, mine).holds == ()
    registry.erasures.confirm(mine.case, (sha(2),))
    assert shredding.held(registry, mine).holds == (f"{hold}: a lawsuit",)


def test_rows_from_before_are_known_when_their_intake_runs_again(registry: Registry, tmp_path: Path) -> None:
    set_aside(registry, tmp_path, ROWS)
    mine = asked()
    assert withdrawing.withdraw(registry, mine).found.mentioned_waiting == 0
    for _ in range(2):
        waiting(registry, tmp_path)
        assert withdrawing.withdraw(registry, mine).found.mentioned_waiting == 1

"""All rows of a person are found, and none of another tenant."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.erasure import shredding, withdrawing
from activities.erasure.activity import facts
from assay.contracts.erasure import HoldPlaced
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, column, erase, job, retention, seal, searched, set_aside, sha

WEATHER = asks("the weather number one is asked for here")
NAMED = {2: ["a" * 64]}


def test_rows_of_an_intake_that_sealed_nothing_are_found(registry: Registry, tmp_path: Path) -> None:
    theirs = (2, SUBJECT, "quarantined", asks(PER_CASE))
    queue, shard = set_aside(registry, tmp_path, [(1, OTHER, "quarantined", WEATHER), theirs])
    mine = job()
    withdrawn, _, shredded = erase(registry, tmp_path, mine)
    assert withdrawn.found.waiting == 1
    assert shredded.shards == (shard.sha256,)
    assert not registry.shards.readable(shard)
    assert [row.row_id for row in registry.quarantine.all(queue)] == [sha(1)]
    assert searched(registry, mine, tmp_path).found == ()


def test_a_row_that_repeats_the_text_of_another_is_the_same_row(registry: Registry, tmp_path: Path) -> None:
    twice = [(2, OTHER, "accepted", asks(PER_CASE)), (2, SUBJECT, "refused", asks(PER_CASE))]
    seal(registry, tmp_path, [*twice, (3, OTHER, "accepted", WEATHER)])
    mine = job()
    withdrawn, [made], _ = erase(registry, tmp_path, mine)
    assert [(one.kept, one.refused) for one in withdrawn.found.own] == [(1, 1)]
    assert column(registry, made.dataset, tmp_path) == [sha(3)]
    assert searched(registry, mine, tmp_path).found == ()


def test_a_row_that_was_only_mentioned_becomes_own_with_its_copy(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, [(2, OTHER, "accepted", asks(PER_CASE))])
    mine = job(mentions=("b" * 64,))
    withdrawing.withdraw(registry, mine)
    seal(registry, tmp_path, [(2, SUBJECT, "refused", asks(PER_CASE)), (3, OTHER, "accepted", WEATHER)], version=2)
    found = registry.erasures.find(mine.case, mine.request)
    assert sum(one.kept for one in found.own) == 1


@pytest.mark.parametrize("copy", ["refused", "accepted", "quarantined"])
def test_a_confirmed_mention_goes_with_its_copies_in_which_nobody_was_named(
    registry: Registry, tmp_path: Path, copy: str
) -> None:
    row = (2, OTHER, "accepted", asks(PER_CASE))
    seal(registry, tmp_path, [row, (2, OTHER, "refused", asks(PER_CASE)), (3, OTHER, "accepted", WEATHER)], named=NAMED)
    other = seal(registry, tmp_path, [(2, OTHER, copy, asks(PER_CASE)), (3, OTHER, "accepted", WEATHER)], name="other")
    foreign = seal(registry, tmp_path, [row], tenant="other")
    mine = job(subject=None, mentions=("a" * 64,))
    erase(registry, tmp_path, mine)
    assert registry.erasures.found(mine.case).own == ()
    registry.erasures.confirm(mine.case, (sha(2),))
    _, made, _ = erase(registry, tmp_path, mine)
    sealed = {one.dataset for one in made} | ({other.id} if copy != "accepted" else set())
    assert [column(registry, one, tmp_path) for one in sealed] == [[sha(3)]] * 2
    assert column(registry, foreign.id, tmp_path) == [sha(2)]
    own = {(one.dataset, one.outcome) for one in registry.erasures.targets(mine.case)}
    assert {(other.id, copy)} <= own
    assert foreign.id not in {dataset for dataset, _ in own}
    assert registry.erasures.sought(mine.case, mine.request) == frozenset()  # the other tenant has it as well
    assert searched(registry, mine, tmp_path).found == ()


def test_a_confirmed_mention_with_a_refused_copy_is_found_nowhere_in_the_end(
    registry: Registry, tmp_path: Path
) -> None:
    rows = [(2, OTHER, "accepted", asks(PER_CASE)), (2, OTHER, "refused", asks(PER_CASE))]
    seal(registry, tmp_path, [*rows, (3, OTHER, "accepted", WEATHER)], named=NAMED)
    mine = job(subject=None, mentions=("a" * 64,))
    erase(registry, tmp_path, mine)
    registry.erasures.confirm(mine.case, (sha(2),))
    erase(registry, tmp_path, mine)
    assert registry.erasures.sought(mine.case, mine.request) == {sha(2)}
    assert searched(registry, mine, tmp_path).found == ()


def test_retention_reaches_no_dataset_of_another_tenant(registry: Registry, tmp_path: Path) -> None:
    dataset = seal(registry, tmp_path, [(1, OTHER, "accepted", WEATHER)])
    mine = retention(dataset, case="evil.51d0e2aa17cc", tenant="evil")
    withdrawn, made, shredded = erase(registry, tmp_path, mine)
    assert (withdrawn.found.own, made, shredded.shards, shredded.ledger_rows) == ((), (), (), 0)
    assert not registry.datasets.get(dataset.id).quarantined
    assert column(registry, dataset.id, tmp_path) == [sha(1)]


@pytest.mark.parametrize(("tenant", "told"), [("acme", "acme"), ("evil", "acme")])
def test_the_gate_is_told_whose_the_dataset_is(registry: Registry, tmp_path: Path, tenant: str, told: str) -> None:
    dataset = seal(registry, tmp_path, [(1, OTHER, "accepted", WEATHER)])
    assert facts(registry, retention(dataset, tenant=tenant))["dataset_tenant"] == told
    unknown = retention(dataset.model_copy(update={"id": sha(1)}))
    assert facts(registry, unknown)["dataset_tenant"] is None
    assert facts(registry, job())["dataset_tenant"] is None


def test_the_gate_is_told_whether_anything_is_known_of_the_tenant(registry: Registry, tmp_path: Path) -> None:
    assert facts(registry, job())["tenant_known"] is False
    seal(registry, tmp_path, [(1, OTHER, "accepted", WEATHER)])
    assert facts(registry, job())["tenant_known"] is True
    assert facts(registry, job(tenant="acmee"))["tenant_known"] is False


def test_the_same_rows_of_another_tenant_stay_and_are_not_looked_for(registry: Registry, tmp_path: Path) -> None:
    rows = [(2, SUBJECT, "accepted", asks(PER_CASE))]
    seal(registry, tmp_path, rows)
    other = seal(registry, tmp_path, [(2, OTHER, "accepted", asks(PER_CASE))], tenant="other")
    mine = job()
    erase(registry, tmp_path, mine)
    assert column(registry, other.id, tmp_path) == [sha(2)]
    assert searched(registry, mine, tmp_path).found == ()


@pytest.mark.parametrize("on", ["dataset", "subject"])
def test_a_hold_on_a_dataset_or_on_one_of_its_persons_holds_its_retention(
    registry: Registry, tmp_path: Path, on: str
) -> None:
    dataset = seal(registry, tmp_path, [(1, OTHER, "accepted", WEATHER), (2, SUBJECT, "refused", asks(PER_CASE))])
    what = {"dataset": dataset.id, "subject": OTHER}[on]
    registry.holds.place(HoldPlaced.model_validate({"tenant": "acme", on: what, "reason": "a lawsuit", "actor": "leo"}))
    registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="another", actor="leo"))
    mine = retention(dataset)
    withdrawing.withdraw(registry, mine)
    # The second is on a person whose row was refused: it may be the copy of one that was not.
    assert sorted(one.partition(": ")[2] for one in shredding.held(registry, mine).holds) == ["a lawsuit", "another"]

"""Cases that meet in one dataset leave each other's rows out, and destroy nothing that is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from activities.erasure import resealing, shredding, withdrawing
from activities.erasure.probe import read_probe
from assay.contracts.erasure import Counts, HoldPlaced
from assay.contracts.erasure_totals import counted
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, column, erase, job, seal, searched, sha

THIRD, SECOND = "7" * 64, "acme.000000000001"
ROWS = [
    (1, OTHER, "accepted", asks("a question about the weather number 1")),
    (2, SUBJECT, "accepted", asks(PER_CASE)),
    (3, THIRD, "accepted", asks("neutral row number three of all of them")),
]


@contextmanager
def meanwhile(registry: Registry, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> Iterator[None]:
    """Somebody else does this, once, when a dataset is written and is about to be entered."""
    add = registry.datasets.add

    def entered(*args: Any, **fields: Any) -> None:
        if fields.get("beside") is not None:
            monkeypatch.setattr(registry.datasets, "add", add)
            does()
        add(*args, **fields)

    monkeypatch.setattr(registry.datasets, "add", entered)
    yield
    assert registry.datasets.add is add or registry.datasets.add == add


@pytest.mark.parametrize("suppress", [True, False])
def test_two_cases_leave_neither_person_in(registry: Registry, tmp_path: Path, suppress: bool) -> None:
    seal(registry, tmp_path, ROWS)
    one, two = job(suppress=suppress), job(SECOND, subject=OTHER, suppress=suppress)
    first, second = withdrawing.withdraw(registry, one), withdrawing.withdraw(registry, two)
    [made] = resealing.reseal(registry, one)
    shredding.shred(registry, one, first, tmp_path)
    [same] = resealing.reseal(registry, two)
    shredding.shred(registry, two, second, tmp_path)
    assert same.dataset == made.dataset
    assert column(registry, same.dataset, tmp_path) == [sha(3)]
    for case in (one, two):
        assert searched(registry, case, tmp_path).found == ()


def test_two_cases_that_seal_at_once_seal_the_same(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(registry, tmp_path, ROWS)
    one, two = job(), job(SECOND, subject=OTHER)
    first, second = withdrawing.withdraw(registry, one), withdrawing.withdraw(registry, two)
    ended: list[str | None] = []
    with meanwhile(registry, monkeypatch, lambda: ended.append(resealing.reseal(registry, two)[0].dataset)):
        [made] = resealing.reseal(registry, one)
    assert ended == [made.dataset]
    assert len(registry.datasets.all_named("acme", "support")) == 2
    assert column(registry, made.dataset, tmp_path) == [sha(3)]
    for case, withdrawn in ((one, first), (two, second)):
        shredding.shred(registry, case, withdrawn, tmp_path)
        assert searched(registry, case, tmp_path).found == ()


def test_a_number_that_was_taken_while_a_version_was_written_is_not_used(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an intake that had begun with it."""
    seal(registry, tmp_path, ROWS)
    mine = job()
    withdrawing.withdraw(registry, mine)
    with meanwhile(registry, monkeypatch, lambda: seal(registry, tmp_path, ROWS[2:], version=2)):
        [made] = resealing.reseal(registry, mine)
    assert (made.version, made.rows) == (3, 2)
    assert sorted(one.request.version for one in registry.datasets.all_named("acme", "support")) == [1, 2, 3]
    assert resealing.reseal(registry, mine) == (made,)


def test_two_people_of_one_conversation_wait_for_each_other_in_no_place(registry: Registry, tmp_path: Path) -> None:
    clean = (9, THIRD, "accepted", asks("a question that neither of them asked"))
    for number, subject, name in ((2, SUBJECT, "support"), (3, OTHER, "sales")):
        seal(registry, tmp_path, [clean, (number, subject, "accepted", asks(PER_CASE))], name=name)
    one, two = job(), job(SECOND, subject=OTHER)
    for case in (one, two):
        erase(registry, tmp_path, case)
        assert PER_CASE in read_probe(registry, case).texts
    for case in (one, two):
        assert searched(registry, case, tmp_path).found == ()


def test_rows_that_another_case_sealed_again_meanwhile_are_found(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, ROWS)
    one, two = job(suppress=False), job(SECOND, subject=OTHER, suppress=False)
    _, [made], _ = erase(registry, tmp_path, one)
    assert column(registry, made.dataset, tmp_path) == [sha(1), sha(3)]
    withdrawn = withdrawing.withdraw(registry, two)
    again = seal(registry, tmp_path, ROWS[:1], version=3)  # an intake that had begun before
    new = resealing.reseal(registry, two)
    shredding.shred(registry, two, withdrawn, tmp_path)
    assert again.id in {one.replaces for one in new}
    assert registry.datasets.get(again.id).quarantined
    left = {one.replaces: one.dataset for one in new}
    assert left.pop(again.id) is None  # nothing else was in it
    assert [column(registry, one, tmp_path) for one in left.values()] == [[sha(3)], [sha(3)]]
    assert searched(registry, two, tmp_path).found == ()


def test_a_case_ends_beside_one_that_is_held_and_keeps_what_is_held(registry: Registry, tmp_path: Path) -> None:
    seal(registry, tmp_path, ROWS)
    hold = registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    held, other = job(), job(SECOND, subject=OTHER)
    first = withdrawing.withdraw(registry, held)
    _, [made], _ = erase(registry, tmp_path, other)
    assert column(registry, made.dataset, tmp_path) == [sha(3)]
    assert searched(registry, other, tmp_path).found == ()
    assert column(registry, made.replaces, tmp_path) == [sha(2)]

    registry.holds.lift(hold, "leo")
    [clean] = resealing.reseal(registry, held)
    assert clean.dataset == made.dataset
    shredding.shred(registry, held, first, tmp_path)
    assert column(registry, made.replaces, tmp_path) == []
    assert searched(registry, held, tmp_path).found == ()


def test_a_reseal_that_was_killed_keeps_the_lineage(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, source, mine = seal(registry, tmp_path, ROWS), sha(77), job()
    registry.lineage.link(source, dataset.id, "screened", parent_kind="source", child_kind="dataset")
    withdrawing.withdraw(registry, mine)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(resealing, "_link", killed)
        with pytest.raises(KeyboardInterrupt):
            resealing.reseal(registry, mine)
    [made] = resealing.reseal(registry, mine)
    assert made.dataset is not None
    assert [node.name for node in registry.lineage.ancestors(made.dataset)] == [source]


def test_rows_are_not_counted_in_versions_that_an_earlier_case_destroyed(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, ROWS, named={1: ["a" * 64], 3: ["a" * 64]})
    one = job(suppress=False)
    _, [made], _ = erase(registry, tmp_path, one)
    assert counted(registry.erasures.found(one.case)).own == Counts(datasets=1, kept=1)  # also of what is gone by now
    two = job(SECOND, subject=OTHER, mentions=("a" * 64,), suppress=False)
    withdrawn, [again, newest], shredded = erase(registry, tmp_path, two)
    assert {(of.dataset, of.kept, of.gone) for of in withdrawn.found.own} == {
        (first.id, 1, True),
        (made.dataset, 1, False),
    }
    assert counted(withdrawn.found).mentioned == Counts(datasets=1, kept=1)
    # Its own destruction changes no number, nor does it matter who takes the case up again.
    for found in (withdrawn.found, withdrawing.withdraw(registry, two).found, registry.erasures.found(two.case)):
        assert counted(found).own == Counts(datasets=1, kept=1)
    # What was made from the version that is gone is still withdrawn and replaced, and its lines in the registry go too.
    assert {again.replaces, newest.replaces} == {first.id, made.dataset}
    assert shredded.ledger_rows == 2
    assert registry.datasets.entries(sha(1)) == ()
    assert searched(registry, two, tmp_path).found == ()

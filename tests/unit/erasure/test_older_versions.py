"""What only an older version holds of others is sealed again too; what a newer one holds is not sealed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, column, erase, job, seal, sha

MINE = (1, SUBJECT, "accepted", asks(PER_CASE))
ONE, TWO = ((n, OTHER, "accepted", asks(f"the weather number {n} is asked for here")) for n in (2, 3))


def test_rows_of_others_in_an_older_version_alone_are_sealed_again(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, [MINE, ONE])
    second = seal(registry, tmp_path, [MINE, TWO], version=2)
    _, made, _ = erase(registry, tmp_path, job())
    new = {one.replaces: one for one in made}
    assert column(registry, new[first.id].dataset, tmp_path) == [sha(2)]
    assert column(registry, new[second.id].dataset, tmp_path) == [sha(3)]
    # What was the newest is the newest.
    assert (new[first.id].version, new[second.id].version) == (3, 4)
    assert registry.datasets.newest("acme", "support").dataset.id == new[second.id].dataset


def test_a_version_with_other_rows_does_not_stand_for_one_that_had_to_go(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, [MINE, ONE])
    clean = seal(registry, tmp_path, [TWO], version=2)
    mine = job()
    _, [made], _ = erase(registry, tmp_path, mine)
    assert (made.replaces, made.version) == (first.id, 3)
    assert made.dataset != clean.id
    assert column(registry, made.dataset, tmp_path) == [sha(2)]
    assert not registry.datasets.get(clean.id).quarantined
    # Tried again after a kill it finds what it made.
    assert erase(registry, tmp_path, mine)[1] == (made,)


def test_a_version_that_a_newer_one_has_all_rows_of_is_not_sealed_again(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, [MINE, ONE])
    second = seal(registry, tmp_path, [MINE, ONE, TWO], version=2)
    _, made, _ = erase(registry, tmp_path, job())
    assert {one.replaces for one in made} == {first.id, second.id}
    [new] = {one.dataset for one in made}
    assert column(registry, new, tmp_path) == [sha(2), sha(3)]
    assert {one.version for one in made} == {3}


@pytest.mark.parametrize("beside", [False, True])
def test_nothing_stands_for_a_version_of_which_nothing_is_left(
    registry: Registry, tmp_path: Path, *, beside: bool
) -> None:
    seal(registry, tmp_path, [MINE])
    if beside:
        seal(registry, tmp_path, [ONE], version=2)
    _, [made], _ = erase(registry, tmp_path, job())
    assert (made.dataset, made.version, made.rows) == (None, None, 0)


def test_a_version_for_another_purpose_stands_for_none(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, [MINE, ONE])
    other = seal(registry, tmp_path, [ONE], version=2, purpose="evaluate")
    _, [made], _ = erase(registry, tmp_path, job())
    assert (made.replaces, made.version) == (first.id, 3)
    assert made.dataset not in (None, other.id)
    assert registry.datasets.get(made.dataset).request.purpose == "train-tenant-model"

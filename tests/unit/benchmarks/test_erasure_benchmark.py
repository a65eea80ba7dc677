"""The erasure benchmark finds and withdraws what it planted, and nothing else."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from assay.settings import Settings
from benchmarks import erasure
from registry import Registry


def test_a_planted_person_is_found_and_unservable_and_others_stay(tmp_path: Path) -> None:
    registry = Registry.open(Settings(home=tmp_path))
    erasure.add(registry, "corpus", erasure.entries(200, 1), 200)
    first, other = (erasure.plant(registry, number) for number in range(2))
    assert erasure.recorded(registry, first) > 0
    assert [one.name for one in registry.withdrawals.by_kind("adapter")] == [first.adapter]
    routes = {route.model: route.arms[0].version for route in registry.routes.current().routes}
    assert routes == {first.model: None, other.model: other.adapter}
    registry.close()


def test_a_benchmark_that_leaves_something_servable_fails(tmp_path: Path) -> None:
    registry = Registry.open(Settings(home=tmp_path))
    planted = erasure.plant(registry, 0)
    with pytest.raises(AssertionError):
        erasure._assert_gone(registry, planted, registry.routes.current())
    registry.close()


def test_entries_are_streamed_and_the_same_for_a_seed() -> None:
    first = list(islice(erasure.entries(10**12, 1), 20))
    assert first == list(islice(erasure.entries(10**12, 1), 20)) != list(islice(erasure.entries(10**12, 2), 20))
    assert [bool(entry.mentions) for entry in first] == [number % 10 == 0 for number in range(20)]

"""Two datasets are compared row by row and count by count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.data import ledgers
from activities.data.comparison import SHOWN, compare
from assay.contracts.errors import NotFound

from .conftest import Ended
from .house import House, entry, source

Run = Callable[..., Ended]
GPL = source("books", licence="GPL-3.0-only")


@pytest.fixture
def two(house: House) -> tuple[str, str]:
    before = [entry(n) for n in range(6)]
    after = [
        *(entry(n) for n in range(3)),
        entry(3, outcome="redacted", findings=["pii:PERSON:1"]),
        entry(4, outcome="refused", codes=["ROW_PII_REFUSED"]),
        entry(6, GPL, language="de", kind="replay", characters=1000),
        entry(7, GPL, language="de", kind="replay", characters=1000),
    ]
    return house.seal(before), house.seal(after, (source(), GPL), version=2)


def test_rows_are_added_removed_and_changed(house: House, two: tuple[str, str]) -> None:
    rows = compare(house.registry, *two).rows
    assert (rows.same, rows.added, rows.removed, rows.changed) == (3, 2, 1, 2)
    assert {(one.before, one.after, one.rows) for one in rows.changes} == {
        ("accepted", "redacted", 1),
        ("accepted", "refused", 1),
    }
    assert rows.examples["removed"] == (entry(5)["row_id"],)
    assert set(rows.examples["added"]) == {entry(6, GPL)["row_id"], entry(7, GPL)["row_id"]}


def test_counts_are_compared_by_source_licence_language_and_label(house: House, two: tuple[str, str]) -> None:
    found = compare(house.registry, *two)
    counts = {one.of: one for one in found.counts}
    for name, gone, come in (
        ("sources", "tickets", "books"),
        ("licences", "MIT", "GPL-3.0-only"),
        ("languages", "en", "de"),
    ):
        moved = {one.name: (one.before, one.after) for one in counts[name].moved}
        assert moved == {gone: (6, 4), come: (0, 2)}
        assert counts[name].distance == pytest.approx(1 / 3, abs=1e-5)
    assert {one.name: (one.before, one.after) for one in found.findings} == {"pii: PERSON": (0, 1)}
    assert next(one for one in found.lengths if one.name == "p95").after > 900


def test_a_dataset_does_not_differ_from_itself(house: House, two: tuple[str, str]) -> None:
    found = compare(house.registry, two[1], two[1])
    assert (found.rows.added, found.rows.removed, found.rows.changed, found.rows.same) == (0, 0, 0, 7)
    assert {one.distance for one in found.counts} == {0.0}


def test_a_row_that_repeats_another_has_its_first_outcome(house: House) -> None:
    again = entry(0, outcome="refused", codes=["ROW_DUPLICATE"])
    one, other = house.seal([entry(0)]), house.seal([entry(0), again], version=2)
    assert compare(house.registry, one, other).rows.changed == 0
    assert compare(house.registry, other, one).rows.changed == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    left=st.dictionaries(st.integers(0, 60), st.sampled_from(["accepted", "refused"]), min_size=1),
    right=st.dictionaries(st.integers(0, 60), st.sampled_from(["accepted", "refused"]), min_size=1),
)
def test_it_counts_as_two_dictionaries_would(
    house: House, monkeypatch: pytest.MonkeyPatch, left: dict[int, str], right: dict[int, str]
) -> None:
    monkeypatch.setattr(ledgers, "ROWS", 8)
    ids = [
        house.seal([entry(n, outcome=o) for n, o in rows.items()] + [entry(99)], version=v)
        for v, rows in ((1, left), (2, right))
    ]
    rows = compare(house.registry, *ids).rows
    both = left.keys() & right.keys()
    assert rows.added == len(right.keys() - left.keys())
    assert rows.removed == len(left.keys() - right.keys())
    assert rows.changed == sum(left[n] != right[n] for n in both)
    assert len(rows.examples["added"]) == min(rows.added, SHOWN)


def test_the_command_says_it_for_people_and_for_programs(house: House, two: tuple[str, str], assay: Run) -> None:
    ended = assay("data", "diff", "acme/support/1", "acme/support/2")
    assert ended.code == 0
    assert "2 added, 1 removed, 2 changed, 3 the same" in ended.out
    assert "1 were accepted and are refused" in ended.out
    assert "licences (distance 0.333)" in ended.out
    assert assay("data", "diff", *two, "--json").json["rows"]["added"] == 2
    assert "DATASET_UNKNOWN" in assay("data", "diff", two[0], "acme/support/9").err


def test_an_unknown_dataset_is_not_compared(house: House, two: tuple[str, str]) -> None:
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        compare(house.registry, two[0], "sha256:" + "0" * 64)


def test_a_destroyed_side_is_named_with_its_case(house: House, two: tuple[str, str], assay: Run) -> None:
    before, after = two
    house.registry.shards.destroy(house.registry.datasets.get(before).ledger, "acme.51d0e2aa17cc")
    with pytest.raises(NotFound, match=r"SHARD_DESTROYED.*acme/support/1.*acme\.51d0e2aa17cc"):
        compare(house.registry, before, after)
    ended = assay("data", "diff", before, after)
    assert ended.code == 1
    assert "assay data list acme" in ended.err

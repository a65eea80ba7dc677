"""A ledger is added up batch by batch, to the same numbers as a slow count of its rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from activities.data import ledgers
from activities.data.hints import hints
from activities.data.ledgers import composition
from activities.data.profile import Histogram, profile
from assay.contracts.datasheet import Lengths, Part, Profile

from .house import House, entry


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300))
def test_percentiles_are_within_one_percent_of_the_exact_ones(lengths: list[int]) -> None:
    histogram = Histogram()
    for half in (lengths[::2], lengths[1::2]):
        histogram.add(arrow.chunked_array([half], arrow.int64()))
    found = histogram.summary()
    assert (found.rows, found.smallest, found.largest) == (len(lengths), min(lengths), max(lengths))
    for name, share in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        exact = int(np.quantile(lengths, share, method="inverted_cdf"))
        assert exact / 1.01 - 1 <= getattr(found, name) <= exact
    assert sum(rows for _, rows in found.bars) == len(lengths)
    edges = [edge for edge, _ in found.bars]
    assert edges == sorted(set(edges))
    assert edges[0] <= min(lengths)


def test_no_lengths_are_no_error() -> None:
    assert Histogram().summary() == Lengths()


def test_batches_add_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds, outcomes = ("call", "refusal"), ("accepted", "redacted", "refused")
    rows = [entry(n, kind=kinds[n % 2], outcome=outcomes[n % 3], findings=["pii:PERSON:2"]) for n in range(100)]
    path = house.ledger(rows)
    whole = profile((path,))
    monkeypatch.setattr(ledgers, "ROWS", 7)
    assert profile((path,)) == whole
    assert {part.name: part.count for part in whole.outcomes} == Counter(row["outcome"] for row in rows)
    slow = Counter(row["kind"] for row in rows if row["outcome"] != "refused")
    assert {part.name: part.count for part in whole.kinds} == slow
    groups = {group.kind: group.rows for group in composition((path,))}
    assert groups == slow
    [fate] = whole.findings
    assert (fate.rows, fate.values) == (100, 200)


def test_parts_of_a_ledger_are_one_ledger(house: House) -> None:
    rows = [entry(n) for n in range(10)]
    halves = [house.ledger(rows[:5], "first"), house.ledger(rows[5:], "second")]
    assert profile(halves) == profile((house.ledger(rows),))


def test_a_ledger_from_before_a_column_was_kept_is_read(house: House) -> None:
    table = parquet.read_table(house.ledger([entry(0)])).drop_columns(["kind", "language", "characters", "treatments"])
    parquet.write_table(table, house.folder / "old.parquet")
    found = profile((house.folder / "old.parquet",))
    assert [part.name for part in found.kinds] == ["not stated"]


def test_near_duplicates_count_as_duplicates_and_each_row_once(house: House) -> None:
    rows = [
        entry(0),
        entry(0, outcome="refused", codes=["ROW_DUPLICATE"], duplicate_of=entry(0)["row_id"]),
        entry(1, duplicate_of=entry(0)["row_id"]),
        entry(2, outcome="refused", codes=["ROW_NEAR_DUPLICATE"]),
    ]
    assert profile((house.ledger(rows),)).duplicates == 3


def told(**changes: Any) -> set[str]:
    """Hints about a healthy profile with these changes."""

    def parts(**shares: float) -> tuple[Part, ...]:
        return tuple(Part(name=name.replace("_", "-"), count=1, share=share) for name, share in shares.items())

    healthy: dict[str, Any] = {
        "read": 100,
        "accepted": 90,
        "languages": parts(en=0.6, de=0.4),
        "sources": parts(a=0.5, b=0.5),
        "tiers": parts(human_gold=0.2, curated=0.8),
        "kinds": parts(call=0.4, refusal=0.3, replay=0.3),
        "lengths": Lengths(p50=100, p99=400),
    }
    made = {name: parts(**value) if isinstance(value, dict) else value for name, value in changes.items()}
    return {hint.code for hint in hints(Profile(**{**healthy, **made}))}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"languages": {"en": 0.91, "de": 0.09}}, "one-language"),
        ({"languages": {"en": 0.6, "und": 0.4}}, "language-unknown"),
        ({"sources": {"a": 0.81, "b": 0.19}}, "one-source"),
        ({"tiers": {"curated": 1.0}}, "no-human-gold"),
        ({"kinds": {"call": 0.5, "replay": 0.5}}, "no-refusals"),
        ({"kinds": {"call": 0.5, "refusal": 0.5}}, "no-plain-chat"),
        ({"kinds": {"call": 0.66, "refusal": 0.04, "replay": 0.3}}, "rare-kind"),
        ({"depths": {"1": 0.51, "0": 0.49}}, "many-synthetic"),
        ({"accepted": 49}, "few-accepted"),
        ({"duplicates": 11}, "many-duplicates"),
        ({"lengths": Lengths(p50=100, p99=900)}, "long-tail"),
    ],
)
def test_each_hint_has_its_bound(changes: dict[str, Any], code: str) -> None:
    assert told() == set()
    assert told(**changes) == {code}


def test_nothing_is_said_of_a_dataset_without_rows() -> None:
    assert hints(Profile()) == ()

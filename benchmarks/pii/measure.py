"""Runs a system over a half of the benchmark: what it finds, and what each group of rows costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.pii.corpus import corpus, evasive
from benchmarks.pii.sample import FAMILIES, Half, Sample
from benchmarks.pii.score import Found, Scores, score
from benchmarks.pii.systems import SYSTEMS, Find

NONE: Final = "hard negatives"
LONG: Final = "long rows"
GROUPS: Final = (*FAMILIES, NONE, LONG)
_QUICK: Final = 300
"""Rows a second above which a group is measured three times."""


@dataclass(frozen=True)
class Cost:
    """Rows, and the seconds of one core that they took."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Measured:
    """One system over one half."""

    plain: Scores
    evasive: Scores
    costs: dict[str, Cost]

    @property
    def short(self) -> Cost:
        """All rows but the long ones."""
        costs = [cost for group, cost in self.costs.items() if group != LONG]
        return Cost(sum(cost.rows for cost in costs), sum(cost.seconds for cost in costs))

    @property
    def long(self) -> Cost:
        """The long ones."""
        return self.costs[LONG]


def measured(name: str, half: Half, seed: int) -> Measured:
    """Let a system read one half, group by group."""
    make = SYSTEMS[name]
    make()([sample.row for sample in corpus(half, seed)[:5]])  # what is loaded at the first row is no part of the rate
    samples: list[Sample] = []
    found: list[list[Found]] = []
    costs: dict[str, Cost] = {}
    for group in GROUPS:
        rows = [sample for sample in corpus(half, seed) if group_of(sample) == group]
        mine, costs[group] = _timed(make, rows)
        samples += rows
        found += mine
    hidden = evasive(half, seed)
    return Measured(score(samples, found), score(hidden, make()([sample.row for sample in hidden])), costs)


def group_of(sample: Sample) -> str:
    """Long rows by themselves, others by their first label."""
    if sample.place == "long":
        return LONG
    return sample.labels[0].family if sample.labels else NONE


def _timed(make: Callable[[], Find], samples: Sequence[Sample]) -> tuple[list[list[Found]], Cost]:
    """What is found, and the median cost; each time by a system that has not met the rows before."""
    rows, took = [sample.row for sample in samples], []
    for _ in range(3):
        find = make()
        began = time.process_time()
        found = find(rows)
        took.append(time.process_time() - began)
        if len(rows) < _QUICK * took[0]:
            break
    return found, Cost(len(rows), statistics.median(took))

"""A ledger, added up batch by batch in Arrow: memory grows with what differs (sources, kinds, codes), not with rows."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as arrow
from pyarrow import compute

from activities.data.ledger import KEPT
from activities.data.ledgers import columns, kept
from assay.contracts.base import CodeCount
from assay.contracts.datasheet import FindingFate, Lengths, Part, Profile

COUNTED: Final = ("source", "licence", "tier", "language", "kind", "consent", "synthetic_depth", "retention_days")
COLUMNS: Final = ("outcome", *COUNTED, "purposes", "codes", "findings", "treatments", "characters", "duplicate_of")
PERCENTILES: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
DUPLICATES: Final = frozenset({"ROW_DUPLICATE", "ROW_NEAR_DUPLICATE", "ROW_QUARANTINED_NEAR_DUPLICATE"})
GROWTH: Final = 1.01
_EDGES: Final = np.unique(np.floor(GROWTH ** np.arange(0, 2500)).astype(np.int64))
"""Borders of the bins: 1, 2, 3 … then each 1 % above the one before, to more characters than a row can have."""


class Histogram:
    """Lengths in bins that are 1 % wide, so that a percentile is within 1 % (the idea of HdrHistogram; Tene 2012)."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(_EDGES) + 1, np.int64)
        self._sum, self._smallest, self._largest = 0, 0, 0

    def add(self, lengths: arrow.ChunkedArray) -> None:
        """Take lengths in."""
        values = lengths.to_numpy()
        if len(values):
            low, high = int(values.min()), int(values.max())
            self._smallest = low if not self.counts.any() else min(self._smallest, low)
            self._largest = max(self._largest, high)
            self._sum += int(values.sum())
            found = np.searchsorted(_EDGES, values, side="right")
            self.counts += np.bincount(found, minlength=len(self.counts))

    def summary(self) -> Lengths:
        """Nearest-rank percentiles (Hyndman and Fan 1996, definition 1), by the lower border of their bin."""
        rows = int(self.counts.sum())
        if not rows:
            return Lengths()
        reached = list(accumulate(int(count) for count in self.counts))
        return Lengths(
            rows=rows,
            smallest=self._smallest,
            largest=self._largest,
            mean=round(self._sum / rows, 1),
            bars=self._bars(),
            **{name: self._at(reached, max(1, int(np.ceil(share * rows)))) for name, share in PERCENTILES.items()},
        )

    def _at(self, reached: Sequence[int], rank: int) -> int:
        bin_ = bisect_right(reached, rank - 1)
        return int(_EDGES[bin_ - 1]) if bin_ else 0

    def _bars(self) -> tuple[tuple[int, int], ...]:
        """Bars for a plot, each by the square root of two wider than the one before; those between are not left out."""
        found: Counter[int] = Counter()
        for bin_, count in enumerate(self.counts):
            if count:
                edge = int(_EDGES[bin_ - 1]) if bin_ else 0
                found[int(2 * np.log2(edge)) if edge else -1] += int(count)
        # No whole number lies from the square root of two to two.
        powers = (power for power in range(min(found), max(found) + 1) if power != 1)
        return tuple((int(np.ceil(2 ** (power / 2))) if power >= 0 else 0, found[power]) for power in powers)


class Sums:
    """What is counted on the way through a ledger."""

    def __init__(self) -> None:
        self.accepted: dict[str, Counter[str]] = {name: Counter() for name in (*COUNTED, "purposes")}
        self.outcomes: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.refused_licences: Counter[str] = Counter()
        self.findings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.values: Counter[tuple[str, str]] = Counter()
        self.treatments: dict[str, Counter[str]] = defaultdict(Counter)
        self.lengths = Histogram()
        self.duplicates = 0

    def add(self, table: arrow.Table) -> None:
        """Take a batch of `COLUMNS` in."""
        self.outcomes.update(_counts(table["outcome"]))
        self.codes.update(_counts(compute.list_flatten(table["codes"])))
        self.duplicates += _duplicates(table)
        self._add_findings(table)
        accepted = kept(table)
        for name in COUNTED:
            self.accepted[name].update(_counts(accepted[name]))
        self.accepted["purposes"].update(_counts(compute.list_flatten(accepted["purposes"])))
        self.lengths.add(accepted["characters"])
        away = table.filter(compute.invert(compute.is_in(table["outcome"], value_set=arrow.array(sorted(KEPT)))))
        self.refused_licences.update(_counts(away["licence"]))

    def _add_findings(self, table: arrow.Table) -> None:
        for name in ("findings", "treatments"):
            rows = compute.list_parent_indices(table[name])
            said = arrow.table({"said": compute.list_flatten(table[name]), "outcome": table["outcome"].take(rows)})
            for group in said.group_by(["said", "outcome"]).aggregate([([], "count_all")]).to_pylist():
                self._add_finding(name, group["said"], group["outcome"], group["count_all"])

    def _add_finding(self, name: str, said: str, outcome: str, rows: int) -> None:
        left, _, count = said.rpartition(":")
        first, _, second = left.partition(":")
        if name == "treatments":
            self.treatments[first][second] += int(count) * rows
        else:
            self.findings[first, second][outcome] += rows
            self.values[first, second] += int(count) * rows

    def profile(self) -> Profile:
        """All of it as a message."""
        read = sum(self.outcomes.values())
        accepted = sum(count for outcome, count in self.outcomes.items() if outcome in KEPT)
        of = {name: parts(counts, accepted) for name, counts in self.accepted.items()}
        return Profile(
            read=read,
            accepted=accepted,
            outcomes=parts(self.outcomes, read),
            codes=tuple(CodeCount(code=code, count=count) for code, count in sorted(self.codes.items())),
            sources=of["source"],
            licences=of["licence"],
            refused_licences=parts(self.refused_licences, read - accepted),
            tiers=of["tier"],
            languages=of["language"],
            kinds=of["kind"],
            consents=of["consent"],
            purposes=of["purposes"],
            depths=of["synthetic_depth"],
            retentions=of["retention_days"],
            lengths=self.lengths.summary(),
            duplicates=self.duplicates,
            findings=tuple(self._fate(*key) for key in sorted(self.findings)),
        )

    def _fate(self, category: str, kind: str) -> FindingFate:
        rows = self.findings[category, kind]
        treated = self.treatments.get(kind, Counter()) if category == "pii" else Counter[str]()
        return FindingFate(
            category=category,
            kind=kind,
            rows=sum(rows.values()),
            values=self.values[category, kind],
            outcomes=parts(rows, sum(rows.values())),
            treatments=tuple(CodeCount(code=name, count=count) for name, count in sorted(treated.items())),
        )


def profile(ledgers: Iterable[Path]) -> Profile:
    """Add up the parts of a ledger."""
    sums = Sums()
    for table in columns(ledgers, COLUMNS):
        sums.add(table)
    return sums.profile()


def parts(counts: Counter[str], whole: int) -> tuple[Part, ...]:
    """Largest first. A share is of `whole`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shares = ((name, count, min(1.0, round(count / whole, 6)) if whole else 0.0) for name, count in ordered)
    return tuple(Part(name=name or "not stated", count=count, share=share) for name, count, share in shares)


def _counts(values: arrow.ChunkedArray | arrow.Array) -> dict[str, int]:
    counted: Any = compute.value_counts(values)
    return {str(one["values"]): one["counts"] for one in counted.to_pylist()}


def _duplicates(table: arrow.Table) -> int:
    """Rows that repeat another one, word for word or nearly."""
    said = compute.not_equal(table["duplicate_of"], "")
    rows = compute.list_parent_indices(table["codes"])
    named = rows.filter(compute.is_in(compute.list_flatten(table["codes"]), value_set=arrow.array(sorted(DUPLICATES))))
    return len(set(named.to_pylist()) | set(compute.indices_nonzero(said).to_pylist()))

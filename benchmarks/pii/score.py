"""Scores: recall and precision by kind, with Wilson's 95 % intervals.

A label is found when findings of its kind cover at least half of its letters and digits. A finding is right when it
overlaps a label of its kind, and a false alarm otherwise; it is compared as text, without spaces, marks and case, since
a finder may normalise what it reads. Kinds are compared as families: a passport called an identity card is found.
"""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.pii.sample import Label, Sample

COVERED: Final = 0.5
_WIDE: Final = 40
"""A finding that is longer than twice a value and so many characters does not count as having found it."""


@dataclass(frozen=True)
class Found:
    """What a system says of a row. `families` are the labels that its word can mean; the first is its own.

    `weak`: it lies inside a stronger finding. It counts as found, never as a false alarm.
    """

    families: tuple[str, ...]
    text: str
    weak: bool = False


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson's score interval (JASA 22, 1927); from 0 to 1 for nothing."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))

    def __add__(self, other: Share) -> Share:
        return Share(self.hits + other.hits, self.of + other.of)


@dataclass
class Scores:
    """Of one system over some rows."""

    labels: list[tuple[Sample, Label, bool, bool]] = field(default_factory=list)
    """Each label, whether it was found as its kind, and whether as any."""
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    """Findings by family; a wrong one has the family that its word means first."""
    alarms: Counter[str] = field(default_factory=Counter)
    quiet: Counter[str] = field(default_factory=Counter)
    """Rows without labels by origin, with a finding and without."""

    def recall(self, which: Callable[[Sample, Label], bool], *, any_kind: bool = False) -> Share:
        """Of the labels that `which` picks."""
        picked = [(named, any_) for sample, label, named, any_ in self.labels if which(sample, label)]
        return Share(sum(any_ if any_kind else named for named, any_ in picked), len(picked))

    def precision(self, families: Iterable[str]) -> Share:
        """Of the findings of some families."""
        wanted = set(families)
        right, wrong = (sum(counts[family] for family in wanted) for counts in (self.right, self.wrong))
        return Share(right, right + wrong)

    def false_alarms(self, origin: str | None = None) -> Share:
        """Rows without personal data in which something was found."""
        origins = {origin} if origin else {*self.alarms, *self.quiet}
        hits = sum(self.alarms[name] for name in origins)
        return Share(hits, hits + sum(self.quiet[name] for name in origins))


def score(samples: Sequence[Sample], findings: Sequence[Sequence[Found]]) -> Scores:
    """Compare what stands in rows with what was found in them."""
    scores = Scores()
    for sample, found in zip(samples, findings, strict=True):
        for label in sample.labels:
            named = [one.text for one in found if label.family in one.families]
            values = (label.value, sample.surface(label))
            scores.labels.append((sample, label, _is_found(values, named), _is_found(values, [f.text for f in found])))
        for one in found:
            met = [label for label in sample.labels if _overlaps(sample, label, one)]
            family = next((label.family for label in met if label.family in one.families), None)
            if family:
                scores.right[family] += 1
            elif not one.weak:
                scores.wrong[one.families[0]] += 1
        if not sample.labels:
            (scores.alarms if found else scores.quiet)[sample.origin] += 1
    return scores


def folded(text: str) -> str:
    """Letters and digits only, compatible forms made one, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _is_found(values: Iterable[str], texts: Sequence[str]) -> bool:
    return any(_covered(folded(value), [folded(text) for text in texts]) >= COVERED for value in values)


def _overlaps(sample: Sample, label: Label, found: Found) -> bool:
    values = (label.value, sample.surface(label))
    return any(_covered(folded(value), [folded(found.text)]) > 0 for value in values)


def _covered(value: str, texts: Sequence[str]) -> float:
    """Share of a value's characters that stand in one of the texts."""
    seen = [False] * len(value)
    for text in texts:
        begin, length = _common(value, text)
        seen[begin : begin + length] = [True] * length
    return sum(seen) / len(value) if value else 0.0


def _common(value: str, text: str) -> tuple[int, int]:
    """Where a text overlaps a value, and how far; nothing when they only share a few characters."""
    if not text or len(text) > 2 * len(value) + _WIDE:
        return 0, 0
    if value in text:
        return 0, len(value)
    if text in value:
        return value.index(text), len(text)
    match = difflib.SequenceMatcher(None, value, text, autojunk=False).find_longest_match()
    enough = match.size >= max(3, COVERED * min(len(value), len(text)))
    return (match.a, match.size) if enough else (0, 0)

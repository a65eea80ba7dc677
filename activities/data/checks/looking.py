"""All checks over a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activities.data.checks.contamination import Contamination
from activities.data.checks.duplicates import signatures
from activities.data.checks.injection import injections
from activities.data.checks.language import language_of
from activities.data.checks.licence_texts import licences_in
from activities.data.checks.texts import PlainRow, RowTexts, texts_of
from activities.data.checks.toxicity import offensive
from activities.data.findings import Category, Finding


@dataclass(frozen=True)
class RowChecks:
    """What the checks say of one row: `findings` for the gate, `language` as a BCP 47 primary tag (`und` when unsure),
    `signature` for `NearDuplicates` (empty when there is nothing to compare)."""

    findings: tuple[Finding, ...]
    language: str
    signature: bytes


@dataclass(frozen=True)
class Checks:
    """Checks beside those for personal data and secrets. Pure: may be pickled, and used in any process."""

    contamination: Contamination = field(default_factory=Contamination)

    @classmethod
    def installed(cls, contamination: Contamination | None = None) -> Checks:
        """With the packaged models, which are loaded at first use. `contamination` is what must not be overlapped."""
        return cls(contamination or Contamination())

    def look(self, rows: Sequence[PlainRow]) -> list[RowChecks]:
        """One answer a row, in order. The same rows give the same answers in every process."""
        if not rows:
            return []
        texts = [texts_of(row) for row in rows]
        signed = signatures(rows, [text.said for text in texts])
        return [
            RowChecks(self._findings(text), _spoken_in(text), signature)
            for text, signature in zip(texts, signed, strict=True)
        ]

    def _findings(self, text: RowTexts) -> tuple[Finding, ...]:
        sentences = sum(offensive(turn.text) for turn in text.turns)
        return (
            *_found("toxicity", {"offensive": sentences} if sentences else {}),
            *_found("licence", dict.fromkeys(licences_in(text.clean), 1)),
            *_found("injection", injections(text.everything, text.clean)),
            *_found("contamination", self.contamination.overlaps(text)),
        )


def language_in(row: PlainRow) -> str:
    """The `language` of `RowChecks`, where nothing else is asked."""
    return _spoken_in(texts_of(row))


def near_duplicate() -> Finding:
    """What the gate is told of a row that nearly repeats an earlier one."""
    return Finding(category="near-duplicate", kind="row", count=1)


def _spoken_in(text: RowTexts) -> str:
    return language_of(text.spoken)


def _found(category: Category, counts: Mapping[str, int]) -> tuple[Finding, ...]:
    return tuple(Finding(category=category, kind=kind, count=counts[kind]) for kind in sorted(counts))

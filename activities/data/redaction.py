"""A row with personal data replaced by typed placeholders: same structure, same relations between its texts.

The same value gets the same placeholder throughout the row, so a call's argument still is what the user wrote. It does
so wherever it stands, also where no rule would have found it again: a name that was introduced once needs no cue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from activities.data.findings import RowFindings, Scanner
from activities.data.text import changed, normalised

Treatment = Literal["keep", "redact", "pseudonym", "synthetic"]
"""What becomes of a found value: it stays, or makes place for a placeholder, an invented or a similar value."""


class Redactor:
    """Replaces what `findings` names, in one row. A kind without a treatment is redacted."""

    def __init__(
        self,
        scanner: Scanner,
        findings: RowFindings,
        treatments: Mapping[str, Treatment] | None = None,
        key: bytes = b"",
    ) -> None:
        self._scanner = scanner
        self._treatments, self._key = treatments or {}, key
        self._placeholders = _placeholders(findings)
        self._known = _any_of(self._placeholders)

    def redact(self, row: JsonValue) -> JsonValue:
        """The row without them. Strings in which nothing was found stay byte for byte."""
        return changed(row, self._clean)

    def _clean(self, key: str, text: str) -> str:
        clean = normalised(text)
        parts, at = [], 0
        for span in self._scanner.spans(clean, key):
            parts += [self._replaced(clean[at : span.start]), self._placeholders[clean[span.start : span.end]]]
            at = span.end
        redacted = "".join(parts) + self._replaced(clean[at:])
        return text if redacted == clean else redacted

    def _replaced(self, text: str) -> str:
        return self._known.sub(lambda match: self._placeholders[match[0]], text) if self._known else text


def _placeholders(findings: RowFindings) -> dict[str, str]:
    """By text: `[EMAIL_ADDRESS_1]`, `[PERSON_2]`, counted by kind in order of appearance."""
    numbers: dict[str, int] = {}
    placed: dict[str, str] = {}
    for kind, text in findings.personal:
        if text not in placed:
            numbers[kind] = numbers.get(kind, 0) + 1
            placed[text] = f"[{kind}_{numbers[kind]}]"
    return placed


def _any_of(texts: dict[str, str]) -> re.Pattern[str] | None:
    longest_first = sorted(texts, key=len, reverse=True)
    choices = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)") if choices else None

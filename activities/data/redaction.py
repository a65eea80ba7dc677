"""A row with personal data replaced: same structure, same relations between its texts.

By kind, a value stays (`keep`), makes place for a typed placeholder (`redact`), for one that always stands for the same
value (`pseudonym`, by a keyed hash), or for an invented one of the same form (`synthetic`, different in every row). The
same value is replaced alike throughout the row, so a call's argument still is what the user wrote; also where no rule
would have found it again: a name that was introduced once needs no cue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from activities.data.findings import RowFindings, Scanner
from activities.data.invented import invented
from activities.data.normal_form import normal_form
from activities.data.text import changed, normalised, strings

Treatment = Literal["keep", "redact", "pseudonym", "synthetic"]
"""What becomes of a found value: it stays, or a placeholder, a constant or an invented value takes its place."""


class Redactor:
    """Replaces what `findings` names, in one row. A kind without a treatment is redacted.

    `key` is the tenant's secret: under one key a pseudonym is the same in every row and source. `row` is what tells
    the row from others: with it, invented values differ. Raises ValueError when a kind is to have pseudonyms and there
    is no key.
    """

    def __init__(
        self,
        scanner: Scanner,
        findings: RowFindings,
        treatments: Mapping[str, Treatment] | None = None,
        key: bytes = b"",
        row: str = "",
    ) -> None:
        self._scanner = scanner
        self._treatments, self._key, self._row = treatments or {}, key, row
        if not key and "pseudonym" in self._treatments.values():
            raise ValueError("pseudonyms need a key")
        self._kept = {text for kind, text in findings.personal if self._treatment(kind) == "keep"}
        self._instead = self._replacements(findings)
        self._put = set(self._instead.values())
        self._known = _any_of(self._instead)

    def redact(self, row: JsonValue) -> JsonValue:
        """The row without them. Strings in which nothing was replaced stay byte for byte."""
        return changed(row, self._clean)

    def leftovers(self, content: JsonValue) -> bool:
        """Whether personal data is still in redacted content: found again, or an original that stands there.

        What this redactor put there, and what it was told to keep, is none.
        """
        found = self._scanner.scan(content).personal
        if any(
            self._treatment(kind) != "keep" and text not in self._kept and not self._is_ours(text)
            for kind, text in found
        ):
            return True
        originals = _any_of({text: "" for text in self._instead if text not in self._put and text not in self._kept})
        return originals is not None and any(originals.search(normalised(text)) for _, text in strings(content))

    def _is_ours(self, text: str) -> bool:
        """Whether a text is made of replacements, or a part of one."""
        rest = text
        for one in sorted(self._put, key=len, reverse=True):
            if text in one:
                return True
            rest = rest.replace(one, "")
        return rest != text and not any(map(str.isalnum, rest))

    def _treatment(self, kind: str) -> Treatment:
        return self._treatments.get(kind, "redact")

    def _clean(self, key: str, text: str) -> str:
        clean = normalised(text)
        parts, at = [], 0
        for span in self._scanner.spans(clean, key):
            value = clean[span.start : span.end]
            if self._treatment(span.entity_type) == "keep" and value not in self._instead:
                continue
            parts += [self._replaced(clean[at : span.start]), self._instead.get(value) or f"[{span.entity_type}]"]
            at = span.end
        redacted = "".join(parts) + self._replaced(clean[at:])
        return text if redacted == clean else redacted

    def _replaced(self, text: str) -> str:
        return self._known.sub(lambda match: self._instead[match[0]], text) if self._known else text

    def _replacements(self, findings: RowFindings) -> dict[str, str]:
        """By text. `[EMAIL_ADDRESS_1]`, `[PERSON_2]` are counted by kind in order of appearance.

        A value that is written in two ways has one number.
        """
        numbers: dict[str, dict[str, int]] = {}
        instead: dict[str, str] = {}
        for kind, text, says in findings.spoken:
            treatment = self._treatment(kind)
            if text in instead or treatment == "keep":
                continue
            known = numbers.setdefault(kind, {})
            number = known.setdefault(normal_form(kind, says), len(known) + 1)
            placeholder = f"[{kind}_{number}]"
            made = None
            if treatment == "pseudonym":
                made = invented(kind, says, self._key, "")
            elif treatment == "synthetic":
                made = invented(kind, says, self._key or b"synthetic", f"{number} {self._row} {findings.personal}")
            instead[text] = made if made is not None and made != text else placeholder
        for piece, (kind, whole) in findings.pieces:
            if self._treatment(kind) != "keep":
                instead.setdefault(piece, instead.get(whole, f"[{kind}]"))
        return instead


def _any_of(texts: Mapping[str, str]) -> re.Pattern[str] | None:
    longest_first = sorted(texts, key=len, reverse=True)
    choices = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)") if choices else None

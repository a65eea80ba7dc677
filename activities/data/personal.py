"""Personal data in one text: candidates by pattern, kept only when a checksum, a numbering plan or a cue word agrees.

Kinds are Microsoft Presidio's names. A recogniser is anything with the `analyze` of Presidio's `EntityRecognizer`, so
Presidio's own and a user's fit in beside the rules here; entry points of the group `assay.recognisers` are added.

Not covered: names without a cue (title, "my name is", a field such as `customer_name`), lower-case and single names,
birth dates, passports and national numbers without a cue word, plates, user names, pictures, speech. How much that is:
the measured table of docs/data.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from activities.data import numbers

CUE_WINDOW: Final = 40
"""Characters before a candidate in which a cue word is looked for."""


class Found(Protocol):
    """What Presidio's `RecognizerResult` has: a kind and where it stands."""

    entity_type: str
    start: int
    end: int


class Recogniser(Protocol):
    """Presidio's `EntityRecognizer`, as far as it is used. `nlp_artifacts` is always None: no language model runs."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> Sequence[Found]:  # noqa: ANN401
        """Spans of personal data in `text`; `entities` empty means all kinds that it knows."""
        ...


@dataclass(frozen=True)
class Span:
    """A piece of text and what it is."""

    entity_type: str
    start: int
    end: int


@dataclass(frozen=True)
class Rule:
    """`pattern` finds candidates (its group `value`, else the whole); `cut` says how much of one is real, 0 for none."""

    entity_type: str
    pattern: re.Pattern[str]
    cut: Callable[[str], int] = len
    cue: re.Pattern[str] | None = None

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Span]:  # noqa: ANN401, ARG002
        """See `Recogniser`."""
        if entities and self.entity_type not in entities:
            return []
        spans = []
        for match in self.pattern.finditer(text):
            start, end = match.span("value" if "value" in self.pattern.groupindex else 0)
            if self.cue and not self.cue.search(text, max(0, start - CUE_WINDOW), start):
                continue
            if kept := self.cut(text[start:end]):
                spans.append(Span(self.entity_type, start, start + kept))
        return spans


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = rf"\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?\ (?:of\ )?{_MONTH},?\ \d{{4}}|{_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?,?\ \d{{4}}"
_NAME = r"[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+(?:['’-][A-ZÀ-ÖØ-Þ]?[a-zà-öø-ÿ]+)?"
_FIELD = r"(?:full|first|last|sur|family|customer|patient|contact|guest|passenger|employee|client)[ _]?name"

RULES: Final[tuple[Rule, ...]] = (
    Rule("EMAIL_ADDRESS", re.compile(r"[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")),
    # "erika at example dot org", "erika [at] example.org": the word "at" alone needs a spelt dot, or prose would match.
    Rule("EMAIL_ADDRESS", re.compile(r"[\w.+-]{1,64}\s?[(\[{]\s?at\s?[)\]}]\s?[\w.-]{1,99}\.[a-z]{2,24}", re.I)),
    Rule("EMAIL_ADDRESS", re.compile(r"[\w.+-]{1,64}(?:\ at\ |\s?[(\[{]\s?at\s?[)\]}]\s?)[\w-]{1,63}(?:(?:\ dot\ |\s?[(\[{]\s?dot\s?[)\]}]\s?)[\w-]{2,63}){1,4}", re.I)),
    Rule("IBAN_CODE", re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,32}", re.I), numbers.iban),
    Rule("CREDIT_CARD", re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,15}(?![\w])"), numbers.card),
    Rule("US_SSN", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), numbers.ssn),
    Rule("UK_NHS", re.compile(r"(?<![\w-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])"), numbers.nhs, _words("nhs|health (?:service )?number")),
    Rule("PHONE_NUMBER", re.compile(r"(?<![\w.])(?:\+|00)\(?\d(?:[ ().\-/]{0,2}\d){6,15}(?!\d)"), numbers.phone),
    Rule("PHONE_NUMBER", re.compile(r"(?<![\w.+-])\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?![\w-])"), numbers.phone),
    Rule(
        "PHONE_NUMBER",
        re.compile(r"(?<![\w.+])\(?\d(?:[ ().\-/]{0,2}\d){5,14}(?!\w)"),
        numbers.phone_after_cue,
        _words(r"phone(?:[ _]?number)?|telephone|tel|mobile|cell|fax|whatsapp|telefon|handy|call(?: me| us| back)?(?: at| on)?"),
    ),
    Rule("IP_ADDRESS", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)"), numbers.public_ip),
    Rule("IP_ADDRESS", re.compile(r"(?<![\w:.])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.I), numbers.public_ip),
    Rule("DATE_OF_BIRTH", re.compile(rf"(?<!\d)(?:{_DATE})(?!\d)", re.I), cue=_words("born|birth ?date|date[ _]of[ _]birth|dob|birthday|geboren")),
    Rule("PASSPORT", re.compile(r"(?<!\w)(?=[A-Z0-9]{0,4}\d{4})[A-Z0-9]{7,9}(?!\w)"), cue=_words("passport(?:[ _]?(?:number|no))?|reisepass")),
    Rule("STREET_ADDRESS", re.compile(r"(?<![\w.])\d{1,5}[a-z]?\ (?:[A-Z][\w'’.-]{0,30}\ ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Terrace|Court)(?!\w)")),
    Rule("STREET_ADDRESS", re.compile(r"(?<!\w)[A-ZÄÖÜ][\w-]{0,30}(?:straße|strasse|str\.|gasse|allee|platz)\ \d{1,4}[a-z]?(?!\w)")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme)\b\.?\ (?P<value>{_NAME}(?:\ {_NAME}){{0,2}})")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?:[Mm]y name is|[Mm]y name's|[Ii] am called|[Ii]ch hei(?:ß|ss)e|[Rr]egards,?|[Ss]incerely,?)\s+(?P<value>{_NAME}(?:\ {_NAME}){{0,2}})")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?i:{_FIELD})['\"]?\s?[:=]\s?['\"]?(?P<value>{_NAME}(?:\ {_NAME}){{0,2}})")),
)  # fmt: skip

"""The rules for personal data. Every repetition is bounded, so that no text makes a pattern backtrack without end.

Cue words are English and German; numbering plans and checksums are everybody's.
"""

from __future__ import annotations

import re
from typing import Final

from activities.data import numbers
from activities.data.personal import Rule

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = rf"\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|{_DAY} (?:of )?{_MONTH},? \d{{4}}|{_MONTH} {_DAY},? \d{{4}}"
_WORD = r"(?:(?:Mc|Mac|O['\u2019])?[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+(?:['\u2019-][A-ZÀ-ÖØ-Þ]?[a-zà-öø-ÿ]+)?|[A-Z]\.(?= [A-Z]))"
_NAME = rf"(?P<value>{_WORD}(?: {_WORD}){{0,2}})"
_TITLE = r"Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme"
_SAID = r"[Mm]y name is|[Mm]y name's|[Ii] am called|[Ii]ch hei(?:ß|ss)e|[Rr]egards,?|[Ss]incerely,?"
_OWNER = r"full|first|last|sur|family|customer|patient|contact|guest|passenger|employee|client"
_AT = r"\s?[(\[{]\s?at\s?[)\]}]\s?"
_DOT = r"(?: dot |\s?[(\[{]\s?dot\s?[)\]}]\s?)"
_LOCAL = rf"[\w.+-]{{1,64}}(?:{_DOT}[\w+-]{{1,63}}){{0,3}}"
_HOST = r"[\w-]{1,63}"
_STREET = r"Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Terrace|Court"
_STRASSE = r"straße|strasse|str\.|gasse|allee|platz"


def _words(pattern: str) -> re.Pattern[str]:
    """Whole words; `_` parts words, as it does in names of fields."""
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)


def _digits(least: int, most: int) -> str:
    """Digits with at most two separators between each two."""
    return rf"\d(?:[ ().\-/]{{0,2}}\d){{{least - 1},{most - 1}}}"


_PHONE_CUE = _words(
    r"(?:tele)?phone(?:[ _]?number)?|tel|mobile|cell|fax|whatsapp|telefon|handy|call(?: me| us)?(?: at| on)?"
)
_BIRTH_CUE = _words(r"born|birth ?date|date[ _]of[ _]birth|dob|birthday|geboren")
_PASSPORT_CUE = _words(r"passport(?:[ _]?(?:number|no))?|reisepass")
_HEALTH_CUE = _words(r"nhs|health (?:service )?number")

RULES: Final[tuple[Rule, ...]] = (
    Rule("EMAIL_ADDRESS", re.compile(rf"[\w.%+-]{{1,64}}@(?:{_HOST}\.){{1,8}}[^\W\d_]{{2,24}}")),
    # "erika at example dot org", "erika [at] example.org": a plain "at" needs a spelt dot, or prose would match.
    Rule("EMAIL_ADDRESS", re.compile(rf"[\w.+-]{{1,64}}{_AT}(?:{_HOST}\.){{1,8}}[a-z]{{2,24}}", re.I)),
    Rule("EMAIL_ADDRESS", re.compile(rf"{_LOCAL}(?: at |{_AT}){_HOST}(?:{_DOT}{_HOST}){{1,4}}", re.I)),
    Rule("IBAN_CODE", re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,32}", re.I), numbers.iban),
    Rule("CREDIT_CARD", re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,15}(?!\w)"), numbers.card),
    Rule("US_SSN", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), numbers.ssn),
    Rule("UK_NHS", re.compile(r"(?<![\w-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])"), numbers.nhs, _HEALTH_CUE),
    Rule("PHONE_NUMBER", re.compile(rf"(?<![\w.])(?:\+|00)\(?{_digits(7, 16)}(?!\d)"), numbers.phone),
    Rule("PHONE_NUMBER", re.compile(r"(?<![\w.+-])\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?![\w-])"), numbers.phone),
    Rule("PHONE_NUMBER", re.compile(rf"(?<![\w.+])\(?{_digits(6, 15)}(?!\w)"), numbers.phone_after_cue, _PHONE_CUE),
    Rule("IP_ADDRESS", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"), numbers.public_ip),
    Rule(
        "IP_ADDRESS", re.compile(r"(?<![\w:.])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.I), numbers.public_ip
    ),
    Rule("DATE_OF_BIRTH", re.compile(rf"(?<!\d)(?:{_DATE})(?!\d)", re.I), cue=_BIRTH_CUE),
    Rule("PASSPORT", re.compile(r"(?<!\w)(?=(?:[A-Z]{0,5}\d){4})[A-Z0-9]{7,9}(?!\w)"), cue=_PASSPORT_CUE),
    Rule(
        "STREET_ADDRESS", re.compile(rf"(?<![\w.])\d{{1,5}}[a-z]? (?:[A-Z][\w'.-]{{0,30}} ){{1,3}}(?:{_STREET})(?!\w)")
    ),
    Rule("STREET_ADDRESS", re.compile(rf"(?<!\w)[A-ZÄÖÜ][\w-]{{0,30}}(?:{_STRASSE}) \d{{1,4}}[a-z]?(?!\w)")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?:{_TITLE})\b\.? {_NAME}")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?:{_SAID})\s{{1,3}}{_NAME}")),
    Rule("PERSON", re.compile(rf"(?<!\w)(?i:(?:{_OWNER})[ _]?name)['\"]?\s?[:=]\s?['\"]?{_NAME}")),
)

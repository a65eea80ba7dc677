"""National numbers, documents, health numbers and dates of birth."""

from __future__ import annotations

import re
from typing import Final

from activities.data import numbers
from activities.data.kinds import identity_checks as checks
from activities.data.personal import Rule

_SEP: Final = r"(?:[ .\-/]{0,2}\r?\n[ .\-/]{0,2}|[ .\-/])?"
_MONTHS: Final = (
    r"jan|feb|fév|mar|mär|mrz|apr|abr|avr|may|mai|jun|juin|jul|juil|aug|ago|aoû|aou|sep|oct|okt|nov|dec|dez|déc|dic|ene"
)
_MONTH: Final = rf"(?:{_MONTHS})[a-zé]{{0,7}}\.?"
_DAY: Final = r"\d{1,2}(?:st|nd|rd|th|er|\.|º)?"
_DATE: Final = (
    rf"\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?(?:19|20)?\d{{2}}|(?:19|20)\d{{2}}[./-]\d{{1,2}}[./-]\d{{1,2}}"
    rf"|{_DAY} (?:of |de )?{_MONTH},? (?:de |del )?\d{{4}}|{_MONTH} {_DAY},? \d{{4}}|\d{{1,2}}-{_MONTH}-\d{{4}}"
)


def _numbers(count: int) -> str:
    return rf"(?<![\w.-])\d(?:{_SEP}\d){{{count - 1}}}(?!\w)"


def _signs(least: int, most: int, of: str = "A-Z0-9") -> str:
    return rf"(?<![\w-])(?=(?:[A-Z]{_SEP}){{0,8}}\d)[{of}](?:{_SEP}[{of}]){{{least - 1},{most - 1}}}(?![\w])"


_CODE: Final = r"(?<![\w-])(?=[A-Z]{0,8}\d)[A-Z0-9]{%d,%d}(?:-[A-Z])?(?![\w])"
_NIF: Final = rf"\d(?:{_SEP}\d){{7}}{_SEP}[A-Z](?!\w)"
_NIE: Final = rf"[XYZ](?:{_SEP}\d){{7}}{_SEP}[A-Z](?!\w)"

RULES: Final[tuple[Rule, ...]] = (
    Rule("DATE_OF_BIRTH", re.compile(rf"(?<![\d.])(?:{_DATE})(?!\d|\.\d)", re.I), cue="birth", behind=True, weight=2),
    Rule(
        "US_SSN",
        re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        numbers.ssn,
        form="digits",
        weight=3,
    ),
    Rule("US_SSN", re.compile(_numbers(9)), numbers.ssn, cue="ssn", form="digits", behind=True, strict=False, weight=5),
    Rule(
        "UK_NINO",
        re.compile(
            rf"(?<!\w)(?!BG|GB|NK|KN|TN|NT"
            rf"|ZZ)[A-CEGHJ-PR-TW-Z]{_SEP}[A-CEGHJ-NPR-TW-Z](?:{_SEP}\d){{6}}{_SEP}[A-D](?!\w)"
        ),
        form="coded",
        weight=3,
    ),
    Rule(
        "DE_TAX_ID",
        re.compile(_numbers(11)),
        checks.check("de.idnr"),
        cue="detax",
        form="digits",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "DE_SOCIAL_SECURITY",
        re.compile(rf"(?<![\w-])\d(?:{_SEP}\d){{7}}{_SEP}[A-Z](?:{_SEP}\d){{3}}(?!\w)"),
        checks.german_social,
        form="digits",
        weight=3,
    ),
    Rule(
        "FR_NIR",
        re.compile(rf"(?<![\w.-])[12](?:{_SEP}\d){{4}}{_SEP}(?:\d|2{_SEP}[AB])(?:{_SEP}[\dAB])(?:{_SEP}\d){{8}}(?!\w)"),
        checks.check("fr.nir"),
        form="digits",
        weight=4,
    ),
    Rule(
        "FR_TAX_ID",
        re.compile(_numbers(13)),
        checks.french_tax,
        cue="frtax",
        form="digits",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "ES_NIF",
        re.compile(rf"(?<![\w.-])(?!\d{{4}}-\d\d-\d\d|\d\d[./-]\d\d[./-]\d{{4}}){_NIF}"),
        checks.check("es.nif"),
        form="digits",
        weight=3,
    ),
    Rule("ES_NIE", re.compile(rf"(?<![\w.-]){_NIE}"), checks.check("es.nie"), form="digits", weight=3),
    Rule(
        "ES_SOCIAL_SECURITY",
        re.compile(_numbers(12)),
        checks.spanish_social,
        cue="essocial",
        form="digits",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "UK_NHS",
        re.compile(_numbers(10)),
        numbers.nhs,
        cue="health",
        form="digits",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "US_MBI",
        re.compile(r"(?<![\w-])[1-9][A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}(?![\w-])", re.I),
        checks.medicare,
        cue="health",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "HEALTH_ID",
        re.compile(r"(?<!\w)[A-Z]\d{9}(?!\w)"),
        checks.german_health,
        cue="health",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "HEALTH_ID",
        re.compile(r"(?<!\w)(?:AN\d{10}|[A-Z]{4}[ -]?[01][ -]?\d{6}[ -]?\d{3})(?!\w)"),
        cue="health",
        behind=True,
        strict=False,
        weight=5,
    ),
    Rule(
        "NATIONAL_ID",
        re.compile(r"(?<!\w)(?=[A-Z]{0,5}[ .\-/]?\d)[A-Z0-9](?:[ .\-/+]?[A-Z0-9]){6,17}(?!\w)"),
        checks.any_national,
        cue="national",
        behind=True,
        weight=2,
    ),
    Rule("PASSPORT", re.compile(_CODE % (6, 12)), checks.varied, cue="passport", behind=True, weight=2),
    Rule("ID_CARD", re.compile(_CODE % (7, 14)), checks.varied, cue="idcard", behind=True, weight=2),
    Rule("DRIVER_LICENSE", re.compile(_CODE % (7, 18)), checks.varied, cue="licence", behind=True, weight=2),
    Rule("PASSPORT", re.compile(_signs(7, 12)), checks.varied, cue="passport"),
    Rule("ID_CARD", re.compile(_signs(8, 14)), checks.varied, cue="idcard"),
    Rule("DRIVER_LICENSE", re.compile(_signs(8, 18)), checks.varied, cue="licence"),
)

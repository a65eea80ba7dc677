"""Dates as people write them in four languages, as ISO 8601 where there is but one way to read them."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

_SPELT: Final = (
    "january januar jänner janvier enero",
    "february februar feber février febrero",
    "march märz maerz mrz mars marzo",
    "april avril abril",
    "may mai mayo",
    "june juni juin junio",
    "july juli juillet julio",
    "august août agosto",
    "september septembre septiembre setiembre",
    "october oktober octobre octubre",
    "november novembre noviembre",
    "december dezember décembre diciembre",
)
_BESIDE: Final = frozenset(["st", "nd", "rd", "th", "er", "o", "of", "de", "del", "the", "den", "der", "le", "el"])
"""What stands with a number or between: the first *of* May, *1er* mai; NFKC made an `o` of the raised one."""
_YEAR_FIRST: Final = re.compile(r"(\d{4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{1,2})")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})\s?([./-])\s?(\d{1,2})\s?[./-]\s?(\d{4})")
_WORDS: Final = re.compile(r"\d+|[^\W\d_]+")


def unambiguous(text: str) -> str | None:
    """`1990-02-01` for a date whose day and month cannot be mistaken; None for any other.

    The year stands first, or the month is a word, or day and month are parted by a dot, which puts the day first, or
    one of both is no month. Years have four digits: of two it is not sure what century they are of.
    """
    plain = text.strip(" .,")
    if match := _YEAR_FIRST.fullmatch(plain):
        year, month, day = map(int, match.groups())
        return _iso(year, month, day)
    if match := _YEAR_LAST.fullmatch(plain):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        day_first, month_first = _iso(year, second, first), _iso(year, first, second)
        if match[2] == "." or not month_first or day_first == month_first:
            return day_first or month_first
        return None if day_first else month_first
    return _with_a_word(plain)


def _with_a_word(text: str) -> str | None:
    words = [word for word in map(_bare, _WORDS.findall(text)) if word not in _BESIDE]
    days = [int(word) for word in words if word.isdecimal() and len(word) < 3]
    years = [int(word) for word in words if word.isdecimal() and len(word) == 4]
    months = [_MONTHS[word] for word in words if word in _MONTHS]
    if len(words) != 3 or not len(days) == len(years) == len(months) == 1:
        return None
    return _iso(years[0], months[0], days[0])


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return None


def _bare(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word).casefold()
    return "".join(filter(str.isalnum, letters))


def _beginnings() -> Mapping[str, int]:
    """Every name of a month, and as much of it as no other month begins with, three letters at least."""
    found: dict[str, set[int]] = defaultdict(set)
    for month, names in enumerate(_SPELT, start=1):
        for name in map(_bare, names.split()):
            for length in range(3, len(name) + 1):
                found[name[:length]].add(month)
    return {word: months.pop() for word, months in found.items() if len(months) == 1}


_MONTHS: Final = _beginnings()

"""Checks of candidates that are numbers of a state: python-stdnum's, and three that it has not."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib import import_module
from typing import Final

SEPARATORS: Final = re.compile(r"[\s./\-]")
_OTHERS: Final = (
    "be.nn", "nl.bsn", "it.codicefiscale", "pl.pesel", "se.personnummer", "ch.ssn", "at.vnr", "pt.nif", "br.cpf",
    "fi.hetu",
    "dk.cpr", "in_.aadhaar", "in_.pan", "ca.sin", "au.tfn", "mx.curp", "ie.pps", "no.fodselsnummer", "cz.rc",
    "tr.tckimlik",
    "cn.ric", "kr.rrn", "za.idnr", "ro.cnp", "bg.egn", "gr.amka", "hr.oib", "ee.ik", "cl.rut", "ar.cuit",
)  # fmt: skip
_SOCIAL: Final = re.compile(r"\d{2}(?:0[1-9]|[12]\d|3[01]|[5-8]\d)(?:0[1-9]|1[0-2])\d{2}[A-Z]\d{3}")
_SOCIAL_WEIGHTS: Final = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
_BENEFICIARY: Final = re.compile(
    r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d[AC-HJKMNP-RT-Y]{2}\d\d"
)


def compact(text: str) -> str:
    """Without separators, in capitals."""
    return SEPARATORS.sub("", text).upper()


@functools.cache
def _module(name: str) -> Callable[[str], bool]:
    valid: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return valid


def check(name: str) -> Callable[[str], int]:
    """A `cut` of python-stdnum's module `name`."""
    return lambda text: len(text) if _module(name)(compact(text)) else 0


def any_national(text: str) -> int:
    """A national number of one of thirty countries."""
    number = compact(text)
    return len(text) if any(_module(name)(number) for name in _OTHERS) else 0


def _cross(digits: str, weights: tuple[int, ...]) -> int:
    return sum(sum(map(int, str(int(d) * w))) for d, w in zip(digits, weights, strict=True)) % 10


def german_social(text: str) -> int:
    """A German pension insurance number, by its check digit (VKVV § 2)."""
    number = compact(text)
    if not _SOCIAL.fullmatch(number):
        return 0
    plain = f"{number[:8]}{ord(number[8]) - 64:02}{number[9:11]}"
    return len(text) if _cross(plain, _SOCIAL_WEIGHTS) == int(number[11]) else 0


def german_health(text: str) -> int:
    """A German health insurance number, by its check digit (SGB V § 290)."""
    number = compact(text)
    if not re.fullmatch(r"[A-Z]\d{9}", number):
        return 0
    plain = f"{ord(number[0]) - 64:02}{number[1:9]}"
    return len(text) if _cross(plain, (1, 2) * 5) == int(number[9]) else 0


def spanish_social(text: str) -> int:
    """A Spanish social security number: province, serial, remainder modulo 97 of both."""
    number = compact(text)
    if not re.fullmatch(r"\d{12}", number) or not 1 <= int(number[:2]) <= 66:
        return 0
    province, serial, remainder = number[:2], int(number[2:10]), int(number[10:])
    # A serial below ten millions is written behind the province without its leading zero.
    whole = int(f"{province}{serial:07}" if serial < 10_000_000 else f"{province}{serial}")
    return len(text) if remainder in (whole % 97, int(number[:10]) % 97) else 0


def french_tax(text: str) -> int:
    """A French tax number: thirteen digits, the last three the rest of the others modulo 511."""
    number = compact(text)
    ten = re.fullmatch(r"[0-3]\d{12}", number)
    return len(text) if ten and int(number[:10]) % 511 == int(number[10:]) else 0


def medicare(text: str) -> int:
    """A Medicare beneficiary identifier, by its form (CMS, 2017)."""
    return len(text) if _BENEFICIARY.fullmatch(compact(text)) else 0


def vin(text: str) -> int:
    """A vehicle identification number with its check digit (49 CFR 565.15)."""
    number = text.upper()
    if not number.isalnum() or len(set(number)) < 6 or number.isdigit() or number.isalpha():
        return 0
    worth = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    try:
        rest = sum((worth[c] if c.isalpha() else int(c)) * w for c, w in zip(number, weights, strict=True)) % 11
    except (KeyError, ValueError):
        return 0
    return len(text) if number[8] == ("X" if rest == 10 else str(rest)) else 0


def varied(text: str) -> int:
    """A code, not a word: it has a digit, and not one sign throughout."""
    signs = set(compact(text))
    return len(text) if len(signs) > 2 and any(c.isdigit() for c in signs) else 0

"""Values of every kind, by language; names, streets and towns of one half never stand in the other."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.pii import numbers
from benchmarks.pii.numbers import Chance
from benchmarks.pii.sample import Evidence, Half, halved

LANGUAGES: Final = ("en", "de", "fr", "es")
WORDS: Final = Path(__file__).with_name("words")
_MAIL: Final = {
    "en": ("brisk-post.co.uk", "larkmail.com", "ravenhall.org"),
    "de": ("mailhafen.de", "postwiese.net", "kontor-nord.de"),
    "fr": ("courrierbleu.fr", "lapostevive.net", "atelier-sud.fr"),
    "es": ("correovivo.es", "buzonazul.com", "taller-norte.es"),
}
_MAKERS: Final[Mapping[str, Callable[[Chance, str], str]]] = {
    "PHONE_NUMBER": numbers.phone,
    "PASSPORT": numbers.passport,
    "ID_CARD": numbers.id_card,
    "DRIVER_LICENCE": numbers.licence,
    "IBAN_CODE": numbers.account,
    "BANK_ACCOUNT": numbers.bank_account,
    "CREDIT_CARD": numbers.card,
    "US_SSN": numbers.american,
    "UK_NINO": numbers.insurance,
    "UK_NHS": numbers.british_health,
    "US_MBI": numbers.medicare,
    "DE_TAX_ID": numbers.german_tax,
    "DE_SOCIAL": numbers.german_social,
    "DE_KVNR": numbers.german_health,
    "FR_NIR": numbers.french,
    "FR_TAX_ID": numbers.french_tax,
    "ES_NIF": numbers.spanish,
    "ES_NIE": numbers.foreigner,
    "ES_SOCIAL": numbers.spanish_social,
    "ES_HEALTH": numbers.spanish_health,
    "VIN": numbers.vin,
    "LICENCE_PLATE": numbers.plate,
    "COORDINATES": numbers.coordinates,
    "IP_ADDRESS": numbers.address,
    "MAC_ADDRESS": numbers.mac,
}
_FORM: Final = frozenset(
    ("EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "US_SSN", "UK_NINO", "DE_SOCIAL", "FR_NIR", "ES_NIF", "ES_NIE")
)
_FORM_TOO: Final = frozenset(("IP_ADDRESS", "MAC_ADDRESS", "STREET_ADDRESS"))
"""Kinds that a form of their own or a strong check tells from other text; one check digit behind digits does not."""


@cache
def words(language: str) -> dict[str, Any]:
    """The lists of one language."""
    return tomllib.loads((WORDS / f"{language}.toml").read_text("utf-8"))


@cache
def of_half(language: str, name: str, half: Half) -> tuple[str, ...]:
    """The items of a list that belong to a half."""
    items = words(language)[name]
    where = halved(items)
    return tuple(item for item in items if where[item] == half)


def value(kind: str, language: str, half: Half, chance: Chance) -> str:
    """One value."""
    if maker := _MAKERS.get(kind):
        return maker(chance, language)
    return _WORDED[kind](language, half, chance)


def evidence(kind: str, text: str, *, cued: bool) -> Evidence:
    """What there is to know it by."""
    if cued:
        return "cue"
    told = {
        "PHONE_NUMBER": text.startswith("+"),
        "COORDINATES": "°" in text,
        "USERNAME": text.startswith("@"),
        "VIN": text[0].isdigit(),
    }
    return "form" if kind in _FORM | _FORM_TOO or told.get(kind, False) else "none"


def _full(language: str, half: Half, chance: Chance) -> str:
    first, last = _pick(language, "first", half, chance), _pick(language, "last", half, chance)
    way = chance.random()
    if way < 0.1:
        return f"{first} {chance.choice('ABCDEFGHJKLMPRST')}. {last}"
    return f"{first} {_pick(language, 'first', half, chance)} {last}" if way < 0.2 else f"{first} {last}"


def _lower(language: str, half: Half, chance: Chance) -> str:
    return (_full if chance.random() < 0.7 else _first)(language, half, chance).lower()


def _first(language: str, half: Half, chance: Chance) -> str:
    return _pick(language, "first", half, chance)


def _street(language: str, half: Half, chance: Chance) -> str:
    road, town = _pick(language, "streets", half, chance), _pick(language, "towns", half, chance)
    number = str(chance.randint(1, 240)) + chance.choice(("", "", "", "a", "b"))
    line = {
        "en": lambda: chance.choice(("", "", "Flat 3, ", "Unit 12, ")) + f"{number} {road}",
        "de": lambda: f"{road} {number}",
        "fr": lambda: (
            f"{number}{chance.choice((' ', ', ', ' bis '))}{road}" if number.isdigit() else f"{number[:-1]} {road}"
        ),
        "es": lambda: (
            f"{road}{chance.choice((' ', ', '))}{number.rstrip('ab')}{chance.choice(('', '', ', 3.º B', ', 2º izq.'))}"
        ),
    }[language]()
    return f"{line}, {town}" if chance.random() < 0.6 else line


def _mail(language: str, half: Half, chance: Chance) -> str:
    first, last = plain(_pick(language, "first", half, chance)), plain(_pick(language, "last", half, chance))
    domain = chance.choice(_MAIL[language])
    return chance.choice(
        (f"{first}.{last}@{domain}", f"{first[0]}{last}{chance.randint(1, 99)}@{domain}", f"{last}+shop@mail.{domain}")
    )


def plain(text: str) -> str:
    """Letters of ASCII only, in lower case."""
    text = text.replace("ß", "ss").replace("\u0131", "i").replace("ł", "l")
    return "".join(c for c in unicodedata.normalize("NFKD", text).lower() if "a" <= c <= "z")


def _born(language: str, _half: Half, chance: Chance) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1935, 2010)
    name = words(language)["months"][month - 1]
    ways = {
        "en": (
            f"{day} {name} {year}",
            f"{name} {day}, {year}",
            f"{month:02}/{day:02}/{year}",
            f"{day}/{month}/{year % 100:02}",
        ),
        "de": (
            f"{day:02}.{month:02}.{year}",
            f"{day}. {name} {year}",
            f"{day}.{month}.{year % 100:02}",
            f"{day:02}.{month:02}.{year}",
        ),
        "fr": (
            f"{day:02}/{month:02}/{year}",
            f"{day} {name} {year}",
            f"{day:02}.{month:02}.{year}",
            f"{day}-{month}-{year}",
        ),
        "es": (
            f"{day:02}/{month:02}/{year}",
            f"{day} de {name} de {year}",
            f"{day}-{month}-{year}",
            f"{day:02}.{month:02}.{year}",
        ),
    }[language]
    return chance.choice((*ways, f"{year}-{month:02}-{day:02}"))


def _handle(language: str, half: Half, chance: Chance) -> str:
    return (
        chance.choice(("", "", "@"))
        + _pick(language, "handles", half, chance)
        + chance.choice(("", str(chance.randint(2, 99))))
    )


def _pick(language: str, name: str, half: Half, chance: Chance) -> str:
    return chance.choice(of_half(language, name, half))


_WORDED: Final[Mapping[str, Callable[[str, Half, Chance], str]]] = {
    "NAME_FULL": _full,
    "NAME_FIRST": _first,
    "NAME_LOWER": _lower,
    "STREET_ADDRESS": _street,
    "EMAIL_ADDRESS": _mail,
    "DATE_OF_BIRTH": _born,
    "USERNAME": _handle,
    "RESIDENCE": lambda language, half, chance: _pick(language, "cities", half, chance),
}

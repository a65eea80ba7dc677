"""Stand-ins for personal data: a value of the same form, drawn by a keyed hash of the original.

Without salt the same value has the same stand-in under one key, whatever the row; with salt it differs from row to row.
Where a range is reserved for examples it is used: example domains (RFC 2606), documentation addresses (RFC 5737, 3849,
7042), telephone numbers for fiction (Ofcom, NANPA, ARCEP, Bundesnetzagentur), national insurance prefix QQ, NHS numbers
from 999; accounts have a bank code of zeros, cards begin with 99 and social security numbers with 000, which nobody
issues. Check digits are right, except where a reserved range has none. Ranges for fiction are small: two telephone
numbers may get one stand-in.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stdnum import iban as stdnum_iban
from stdnum import luhn

from activities.data import numbers
from activities.data.kinds import identity_checks as checks
from activities.data.kinds.gazetteer import gazetteer
from activities.data.kinds.name_words import PARTICLES
from activities.data.normal_form import e164, folded, normal_form

TRIES: Final = 4000
"""Draws for a number that a check accepts; the hardest accepts one in 511."""
_FICTION: Final = (
    *(f"+44 {area} 496 0{{:03}}" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
    "+44 20 7946 0{:03}",
)
_TOWNS: Final = [
    "Brackenford",
    "Aldermere",
    "Westhollow",
    "Nordheide",
    "Altenrode",
    "Seewinkel",
    "Valbrune",
    "Montclair-Vieux",
    "Pontaubert",
    "Villaserena",
    "Puertoclaro",
    "Riofresco",
]
_STREETS: Final = (
    (re.compile(r"stra(?:ß|ss)e|str\.|gasse|platz|weg|allee", re.I), "{street}weg {number}"),
    (re.compile(r"\b(?:rue|avenue|boulevard|chemin|quai|impasse|place|allée)\b", re.I), "{number} rue de {street}"),
    (re.compile(r"\b(?:calle|avda|avenida|paseo|plaza|camino|c/)", re.I), "Calle de {street} {number}"),
    (re.compile(""), "{number} {street} Road"),
)
_STREET_NAMES: Final = [
    "Larkfield",
    "Rosenau",
    "Ambermill",
    "Fernhollow",
    "Kestrel",
    "Lindenau",
    "Marigold",
    "Saltmarsh",
    "Thornbury",
    "Willowmere",
]


class Draw:
    """Numbers from a keyed hash: HMAC-SHA256 in counter mode."""

    def __init__(self, key: bytes, *parts: str) -> None:
        self._key, self._seed = key, "\x1f".join(parts)
        self._count, self._left = 0, b""

    def below(self, limit: int) -> int:
        """A number from 0 on; four bytes are enough for every list here."""
        if len(self._left) < 4:
            self._left += hmac.new(self._key, f"{self._seed}\x1f{self._count}".encode(), hashlib.sha256).digest()
            self._count += 1
        head, self._left = self._left[:4], self._left[4:]
        return int.from_bytes(head) % limit

    def of(self, items: Sequence[str]) -> str:
        """One of some."""
        return items[self.below(len(items))]


def invented(kind: str, text: str, key: bytes, salt: str) -> str | None:
    """A stand-in for `text`, never the text itself; None for a kind that has none."""
    make = _MAKERS.get(kind)
    if make is None:
        return None
    for turn in range(8):
        made = make(text, lambda word, turn=turn: Draw(key, kind, normal_form(kind, word), salt, str(turn)))
        if folded(made) != folded(text):
            return made
    return None


Drawer = Callable[..., Draw]


def _person(text: str, draw: Drawer) -> str:
    """Word by word, so that whoever is mentioned by a part of the name later is the same person."""
    known = gazetteer()
    words = text.split()
    made = []
    for number, word in enumerate(words):
        low = word.lower().strip(".,;:'\"«»“”")
        if low in PARTICLES or len(low) < 2:
            continue
        alone = len(words) == 1 and low not in known.given
        family = alone or (number == len(words) - 1 and len(words) > 1)
        name = _named(draw(word), family, low)
        made.append(name if word.islower() else name.upper() if word.isupper() and len(word) > 2 else name.title())
    return " ".join(made) or "Alex"


def _named(draw: Draw, family: bool, other_than: str) -> str:
    names = _names(family)
    while (name := draw.of(names)) == other_than:
        pass
    return name


@functools.cache
def _names(family: bool) -> tuple[str, ...]:
    known = gazetteer()
    chosen = (known.common_family - known.given) if family else (known.common_given - known.family)
    return tuple(sorted(name for name in chosen - known.words if name.isascii() and len(name) > 3))


def _mail(text: str, draw: Drawer) -> str:
    some = draw(text)
    user = f"{some.of(_names(False))}.{some.of(_names(True))}{some.below(1000)}"
    return f"{user}@{some.of(('example.org', 'example.com', 'example.net'))}"


def _phone(text: str, draw: Drawer) -> str:
    some, number = draw(text), e164(text)
    if number.startswith("+33"):
        return f"+33 1 99 00 {some.below(100):02} {some.below(100):02}"
    if number.startswith("+49"):
        return f"+49 30 23125 {some.below(1000):03}"
    if number.startswith("+44"):
        return some.of(_FICTION).format(some.below(1000))
    return f"+1 {200 + some.below(700)}-555-01{some.below(100):02}"


def _iban(text: str, draw: Drawer) -> str:
    """Of the same country and length; of the first eight signs of the account, which name its bank, zeros are made."""
    compact = re.sub(r"[^A-Za-z0-9]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", compact):
        compact = "DE" + "0" * 20  # it was encoded
    some = draw(text)
    rest = "0" * 8 + "".join(str(some.below(10)) for _ in compact[12:])
    return f"{compact[:2]}{stdnum_iban.calc_check_digits(f'{compact[:2]}00{rest}')}{rest}"


def _card(text: str, draw: Drawer) -> str:
    some, length = draw(text), len(re.sub(r"\D", "", text)) or 16
    body = "99" + "".join(str(some.below(10)) for _ in range(length - 3))
    return _laid_out(text, body + str(luhn.calc_check_digit(body)))


def _laid_out(text: str, signs: str) -> str:
    """The signs in the groups of the text."""
    rest = iter(signs)
    return "".join(next(rest, "0") if c.isalnum() else c for c in text)


def _alike(text: str, some: Draw, start: str = "") -> str:
    """Digits for digits and letters for letters, behind a fixed beginning."""
    signs = [c for c in text if c.isalnum()]
    drawn = (str(some.below(10)) if c.isdigit() else chr((65 if c.isupper() else 97) + some.below(26)) for c in signs)
    return _laid_out(text, start + "".join(drawn)[len(start) :])


def _checked(check: Callable[[str], int], *starts: str) -> Callable[[str, Drawer], str]:
    """Of the same form and with a right check digit; from a range of `starts` if one has numbers that pass."""

    def make(text: str, draw: Drawer) -> str:
        some = draw(text)
        for start in (*starts, ""):
            for _ in range(TRIES):
                made = _alike(text, some, start)
                if check(made):
                    return made
        return _alike(text, some)

    return make


def _form(start: str = "") -> Callable[[str, Drawer], str]:
    return lambda text, draw: _alike(text, draw(text), start)


def _address(text: str, draw: Drawer) -> str:
    some = draw(text)
    form = next(form for pattern, form in _STREETS if pattern.search(text))
    return form.format(street=some.of(_STREET_NAMES), number=1 + some.below(180))


def _machine(text: str, draw: Drawer) -> str:
    some = draw(text)
    if ":" in text:
        return "2001:db8::" + ":".join(f"{some.below(65536):x}" for _ in range(4))
    return f"{some.of(('192.0.2', '198.51.100', '203.0.113'))}.{some.below(256)}"


def _hardware(text: str, draw: Drawer) -> str:
    return ("-" if "-" in text else ":").join(("00", "00", "5e", "00", "53", f"{draw(text).below(256):02x}"))


def _born(text: str, draw: Drawer) -> str:
    some = draw(text)

    def part(match: re.Match[str]) -> str:
        digits = match[0]
        if len(digits) == 4:
            return str(1940 + some.below(65))
        top = 28 if int(digits) > 12 else 12
        low = 13 if int(digits) > 12 else 1
        return f"{low + some.below(top - low + 1):0{len(digits)}}"

    return re.sub(r"\d{1,4}", part, text)


def _degrees(text: str, draw: Drawer) -> str:
    some = draw(text)
    return re.sub(r"\d+", lambda m: f"{some.below(min(60, 10 ** len(m[0]))):0{len(m[0])}}", text)


_MAKERS: Final[Mapping[str, Callable[[str, Drawer], str]]] = {
    "PERSON": _person,
    "EMAIL_ADDRESS": _mail,
    "PHONE_NUMBER": _phone,
    "IBAN_CODE": _iban,
    "CREDIT_CARD": _card,
    "STREET_ADDRESS": _address,
    "LOCATION": lambda text, draw: draw(text).of(_TOWNS),
    "COORDINATES": _degrees,
    "DATE_OF_BIRTH": _born,
    "IP_ADDRESS": _machine,
    "MAC_ADDRESS": _hardware,
    "USERNAME": lambda text, draw: f"{'@' * text.startswith('@')}user_{draw(text).below(10**8):08}",
    "US_SSN": _form("000"),
    "UK_NINO": _form("QQ"),
    "UK_NHS": _checked(numbers.nhs, "999"),
    "DE_TAX_ID": _checked(checks.check("de.idnr")),
    "DE_SOCIAL_SECURITY": _checked(checks.german_social),
    "FR_NIR": _checked(checks.check("fr.nir"), "3"),
    "FR_TAX_ID": _checked(checks.french_tax),
    "ES_NIF": _checked(checks.check("es.nif"), "0000"),
    "ES_NIE": _checked(checks.check("es.nie"), "X000", "Y000", "Z000"),
    "ES_SOCIAL_SECURITY": _checked(checks.spanish_social),
    "US_MBI": _form(),
    "VIN": _form(),
    "LICENSE_PLATE": _form(),
    "PASSPORT": _form(),
    "ID_CARD": _form(),
    "DRIVER_LICENSE": _form(),
    "BANK_ACCOUNT": _form(),
    "HEALTH_ID": _form(),
    "NATIONAL_ID": _form(),
}

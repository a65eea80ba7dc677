"""A labelled sample of personal data, made anew from a seed: nothing of it is kept, and it names nobody on purpose.

Values come from elsewhere than the rules under test: example numbers of every numbering plan (phonenumbers), names and
addresses that stand in the metadata of installed packages, numbers with their check digits (python-stdnum). The
sentences were written for this sample, English and German, with a cue word (`cued`) and without. Around them stand
paragraphs of package documentation, which nobody wrote for it; they count as free of personal data.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import Final

import phonenumbers
from stdnum import iban, luhn
from stdnum.gb import nhs


@dataclass(frozen=True)
class Label:
    """One piece of personal data. `cued`: a word before it says what it is."""

    kind: str
    start: int
    end: int
    cued: bool


@dataclass(frozen=True)
class Sample:
    """One text, and all personal data in it."""

    text: str
    labels: tuple[Label, ...]


_CUED: Final = {
    "EMAIL_ADDRESS": ("You can write to {} about this.", "Bitte schreiben Sie an {}, danke."),
    "PHONE_NUMBER": ("Please call me on {} after five.", "Meine Telefonnummer ist {}.", "phone: {}"),
    "PERSON": ("My name is {} and I am waiting.", "Sehr geehrter Herr {}, wir melden uns.", "Customer name: {}"),
    "IBAN_CODE": ("Refund it to IBAN {} please.", "Die IBAN lautet {}."),
    "CREDIT_CARD": ("I paid with card {} yesterday.", "Kreditkarte: {}"),
    "US_SSN": ("Her social security number is {}.",),
    "UK_NHS": ("The NHS number is {}.",),
    "IP_ADDRESS": ("The login came from IP {}.",),
    "DATE_OF_BIRTH": ("I was born on {}.", "Date of birth: {}", "geboren am {} in Ulm"),
    "STREET_ADDRESS": ("Ship it to {}, please.", "Ich wohne in der {}."),
}
_BARE: Final = {
    "EMAIL_ADDRESS": ("Then {} got no answer.",),
    "PHONE_NUMBER": ("It is {} as before.", "Erreichbar unter {} ab acht."),
    "PERSON": ("Yesterday {} returned the parcel.", "Gestern hat {} das Paket gebracht."),
    "IBAN_CODE": ("Use {} from now on.",),
    "CREDIT_CARD": ("The one that ends in {} was refused.",),
    "US_SSN": ("They asked for it: {}.",),
    "IP_ADDRESS": ("Blocked {} for an hour.",),
    "STREET_ADDRESS": ("We moved to {} in May.",),
}
_STREETS: Final = ("Maple", "Harbour", "Mill", "Station", "King", "Orchard", "Chapel", "Walnut")
_STRASSEN: Final = ("Linden", "Bahnhof", "Garten", "Mühlen", "Kirch", "Schiller")


def samples(rows: int, seed: int) -> list[Sample]:
    """So many texts; a third of them holds nothing, the others one to three values."""
    chance = random.Random(seed)  # noqa: S311  # a sample, no secret
    values, prose = _values(chance), _paragraphs()
    return [_sample(chance, values, prose, empty=number % 3 == 0) for number in range(rows)]


def _sample(chance: random.Random, values: dict[str, Callable[[], str]], prose: list[str], *, empty: bool) -> Sample:
    text, labels = chance.choice(prose), []
    for _ in range(0 if empty else chance.randint(1, 3)):
        cued = chance.random() < 0.5
        kinds = _CUED if cued else _BARE
        kind = chance.choice(sorted(kinds))
        before, after = chance.choice(kinds[kind]).split("{}")
        value = values[kind]()
        start = len(text) + 1 + len(before)
        labels.append(Label(kind, start, start + len(value), cued))
        text = f"{text} {before}{value}{after}"
    return Sample(text, tuple(labels))


def _values(chance: random.Random) -> dict[str, Callable[[], str]]:
    names, addresses, phones = _names(), _addresses(), _phones()

    def digits(count: int) -> str:
        return "".join(chance.choice("0123456789") for _ in range(count))

    def account() -> str:
        country, bank = chance.choice((("DE", digits(18)), ("AT", digits(16)), ("NL", "ABNA" + digits(10))))
        return f"{country}{iban.calc_check_digits(f'{country}00{bank}')}{bank}"

    def card() -> str:
        number = chance.choice(("4", "51", "55")) + digits(14)
        number = number[:15]
        return number + luhn.calc_check_digit(number)

    def health() -> str:
        while True:
            number = "4" + digits(9)
            if nhs.is_valid(number):
                return number

    def born() -> str:
        day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1940, 2005)
        return chance.choice((f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}", f"{day} March {year}"))

    def street() -> str:
        if chance.random() < 0.5:
            return f"{chance.randint(1, 400)} {chance.choice(_STREETS)} {chance.choice(('Street', 'Road', 'Lane'))}"
        return f"{chance.choice(_STRASSEN)}straße {chance.randint(1, 200)}"

    return {
        "EMAIL_ADDRESS": lambda: chance.choice(addresses),
        "PHONE_NUMBER": lambda: chance.choice(phones),
        "PERSON": lambda: chance.choice(names),
        "IBAN_CODE": account,
        "CREDIT_CARD": card,
        "US_SSN": lambda: f"{chance.randint(1, 665):03}-{chance.randint(1, 99):02}-{chance.randint(1, 9999):04}",
        "UK_NHS": health,
        "IP_ADDRESS": lambda: f"{chance.choice((8, 45, 91, 145))}.{chance.randint(0, 255)}.{chance.randint(0, 255)}.7",
        "DATE_OF_BIRTH": born,
        "STREET_ADDRESS": street,
    }


def _phones() -> list[str]:
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number:
            for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.NATIONAL):
                found.append(phonenumbers.format_number(number, form))
    return found


def _metadata(field: str) -> Iterator[str]:
    for package in distributions():
        yield from (str(value) for value in package.metadata.get_all(field) or ())


def _names() -> list[str]:
    said = [*_metadata("Author"), *(value.partition("<")[0] for value in _metadata("Author-email"))]
    persons = {name.strip().strip('"') for value in said for name in value.split(",")}
    company = re.compile(r"\b(?:team|inc|project|contributors|foundation|community|developers|authors)\b", re.I)
    two = re.compile(r"[A-Z][a-z]{2,12} [A-Z][a-z]{2,14}")
    return sorted(name for name in persons if two.fullmatch(name) and not company.search(name))


def _addresses() -> list[str]:
    found = re.compile(r"[\w.+-]+@[\w.-]+\.[a-z]{2,10}")
    return sorted({match[0] for value in _metadata("Author-email") for match in found.finditer(value)})


def _paragraphs() -> list[str]:
    """Prose of package descriptions, without lines that are code, links, lists or addresses."""
    kept = set()
    for package in distributions():
        for part in re.split(r"\n\s*\n", package.metadata["Description"] or ""):
            text = " ".join(part.split())
            plain = 60 <= len(text) <= 500 and not re.search(r"[@<>`|={}\[\]#*\\]|https?:|::|^\W|\d{4,}", text)
            if plain and text[-1] in ".!?":
                kept.add(text)
    return sorted(kept)

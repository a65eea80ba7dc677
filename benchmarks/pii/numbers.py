"""Numbers with their check digits, made from chance. None was given to anybody on purpose."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Final

import phonenumbers
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import ccc, dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs

Chance = random.Random
_LETTERS: Final = string.ascii_uppercase
_CLEAR: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN: Final = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_WMI: Final = ("WVW", "WBA", "WDB", "VF1", "VF3", "VSS", "1HG", "1FT", "SAJ", "JTD", "TMB", "ZFA")
_PLAIN_CONSONANTS: Final = "BCDFGHJKLMNPRSTVWXYZ"


def digits(chance: Chance, count: int) -> str:
    """So many digits."""
    return "".join(chance.choice(string.digits) for _ in range(count))


def letters(chance: Chance, count: int, of: str = _LETTERS) -> str:
    """So many letters."""
    return "".join(chance.choice(of) for _ in range(count))


def until(make: Callable[[], str], valid: Callable[[str], bool]) -> str:
    """The first that is valid."""
    while not valid(made := make()):
        pass
    return made


def grouped(text: str, *sizes: int, by: str = " ") -> str:
    """Cut into groups; the last size repeats."""
    parts, at = [], 0
    for number in range(len(text)):
        size = sizes[min(number, len(sizes) - 1)]
        parts.append(text[at : at + size])
        at += size
        if at >= len(text):
            break
    return by.join(parts)


def account(chance: Chance, language: str) -> str:
    """An IBAN of the language's countries; half of them in groups of four."""
    german = (("DE", digits(chance, 18)), ("AT", digits(chance, 16)), ("CH", digits(chance, 17)))
    british = chance.choice(("NWBK", "BARC", "LOYD", "MIDL")) + digits(chance, 14)
    countries = {
        "en": ("GB", british),
        "de": chance.choice(german),
        "fr": ("FR", _rib(chance)),
        "es": ("ES", _ccc(chance)),
    }
    country, rest = countries[language]
    whole = f"{country}{iban.calc_check_digits(f'{country}00{rest}')}{rest}"
    return grouped(whole, 4) if chance.random() < 0.5 else whole


def _rib(chance: Chance) -> str:
    bank, branch, number = digits(chance, 5), digits(chance, 5), digits(chance, 11)
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(number)) % 97
    return f"{bank}{branch}{number}{key:02}"


def _ccc(chance: Chance) -> str:
    bank, number = digits(chance, 8), digits(chance, 10)
    return bank + ccc.calc_check_digits(f"{bank}00{number}") + number


def bank_account(chance: Chance, language: str) -> str:
    """A number of an account as people write it where there is no IBAN, or before there was."""
    if language == "en":
        sort = grouped(digits(chance, 6), 2, by="-")
        return chance.choice((f"{sort} {digits(chance, 8)}", digits(chance, 8), digits(chance, 10)))
    if language == "es":
        return grouped(_ccc(chance), 4, 4, 2, 10) if chance.random() < 0.5 else _ccc(chance)
    return digits(chance, chance.choice((7, 8, 10)) if language == "de" else 11)


def card(chance: Chance, _language: str = "") -> str:
    """A card number with its Luhn digit: Visa, Mastercard, American Express."""
    start = chance.choice(("4", "4", "51", "52", "55", "2221", "34", "37"))
    length = 14 if start in ("34", "37") else 15
    body = start + digits(chance, length - len(start))
    whole = body + luhn.calc_check_digit(body)
    by = chance.choice((" ", " ", "-", ""))
    return grouped(whole, *((4, 6, 5) if length == 14 else (4,)), by=by)


_NATIONAL: Final = {
    "en": ("US", "GB", "CA", "IE", "AU"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX", "AR", "CO"),
}


def phone(chance: Chance, language: str) -> str:
    """A number that its numbering plan allows, written in one of the usual ways."""
    region = chance.choice(_NATIONAL[language])
    kind = chance.choice((phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE))
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    national = phonenumbers.national_significant_number(example)

    def make() -> str:
        return f"+{example.country_code}{national[:3]}{digits(chance, len(national) - 3)}"

    whole = until(make, lambda text: phonenumbers.is_valid_number(phonenumbers.parse(text)))
    number, form = phonenumbers.parse(whole), phonenumbers.PhoneNumberFormat
    wide = phonenumbers.format_number(number, form.INTERNATIONAL)
    narrow = phonenumbers.format_number(number, form.NATIONAL)
    ways = (
        wide,
        wide,
        narrow,
        narrow,
        whole,
        wide.replace(" ", "-"),
        narrow.replace(" ", "."),
        wide.replace("+", "00", 1),
    )
    return chance.choice(ways)


def passport(chance: Chance, language: str) -> str:
    """Of the United Kingdom or the United States, Germany, France, Spain."""
    return {
        "en": lambda: chance.choice((digits(chance, 9), letters(chance, 1) + digits(chance, 8))),
        "de": lambda: chance.choice("CFGHJK") + letters(chance, 8, "0123456789CFGHJKLMNPRTVWXYZ"),
        "fr": lambda: digits(chance, 2) + letters(chance, 2) + digits(chance, 5),
        "es": lambda: letters(chance, 3) + digits(chance, 6),
    }[language]()


def id_card(chance: Chance, language: str) -> str:
    """Of Germany or France."""
    if language == "de":
        return "L" + digits(chance, 1) + letters(chance, 7, "0123456789CFGHJKLMNPRTVWXYZ")
    return chance.choice((digits(chance, 12), letters(chance, 9, "0123456789CFGHJKLMNPRTVWXYZ")))


def licence(chance: Chance, language: str) -> str:
    """A driving licence."""
    born = f"{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    uk = f"{letters(chance, 5)}{digits(chance, 1)}{born}{digits(chance, 1)}"
    return {
        "en": lambda: chance.choice(
            (f"{uk}{letters(chance, 2)}9{letters(chance, 2)}", letters(chance, 1) + digits(chance, 7))
        ),
        "de": lambda: (
            letters(chance, 1)
            + digits(chance, 3)
            + letters(chance, 3)
            + digits(chance, 1)
            + letters(chance, 1)
            + digits(chance, 2)
        ),
        "fr": lambda: digits(chance, 12),
        "es": lambda: spanish(chance),
    }[language]()


def spanish(chance: Chance, _language: str = "") -> str:
    """A Spanish NIF."""
    number = digits(chance, 8)
    return number + chance.choice(("", "-", "")) + dni.calc_check_digit(number)


def foreigner(chance: Chance, _language: str = "") -> str:
    """A Spanish NIE."""
    number = chance.choice("XYZ") + digits(chance, 7)
    return number + chance.choice(("", "-")) + nie.calc_check_digit(number)


def french(chance: Chance, _language: str = "") -> str:
    """A French social security number (NIR), half of them in its groups."""
    department = chance.choice([number for number in range(1, 96) if number != 20])
    body = f"{chance.choice('12')}{chance.randint(40, 99)}{chance.randint(1, 12):02}{department:02}{digits(chance, 6)}"
    whole = body + nir.calc_check_digits(body)
    return grouped(whole, 1, 2, 2, 2, 3, 3, 2) if chance.random() < 0.5 else whole


def french_tax(chance: Chance, _language: str = "") -> str:
    """A French tax number: ten digits and their remainder modulo 511."""
    body = chance.choice("0123") + digits(chance, 9)
    whole = f"{body}{int(body) % 511:03}"
    return grouped(whole, 2, 2, 3, 3, 3) if chance.random() < 0.5 else whole


def german_tax(chance: Chance, _language: str = "") -> str:
    """A German tax identification number."""
    whole = until(lambda: chance.choice("123456789") + digits(chance, 10), idnr.is_valid)
    return grouped(whole, 2, 3, 3, 3) if chance.random() < 0.5 else whole


def _cross(text: str, weights: tuple[int, ...]) -> int:
    return sum(sum(map(int, str(int(digit) * weight))) for digit, weight in zip(text, weights, strict=True)) % 10


def german_social(chance: Chance, _language: str = "") -> str:
    """A German pension insurance number (VKVV § 2): area, birth date, initial, serial, check digit."""
    area, initial = chance.choice(("12", "15", "38", "65")), chance.choice(_LETTERS)
    born = f"{chance.randint(1, 28):02}{chance.randint(1, 12):02}{chance.randint(40, 99)}"
    serial = digits(chance, 2)
    plain = f"{area}{born}{ord(initial) - 64:02}{serial}"
    check = _cross(plain, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1))
    return chance.choice((f"{area}{born}{initial}{serial}{check}", f"{area} {born} {initial} {serial}{check}"))


def german_health(chance: Chance, _language: str = "") -> str:
    """A German health insurance number (SGB V § 290): letter, eight digits, check digit."""
    initial, number = chance.choice(_LETTERS), digits(chance, 8)
    return f"{initial}{number}{_cross(f'{ord(initial) - 64:02}{number}', (1, 2) * 5)}"


def british_health(chance: Chance, _language: str = "") -> str:
    """An NHS number."""
    whole = until(lambda: chance.choice("4567") + digits(chance, 9), nhs.is_valid)
    return grouped(whole, 3, 3, 4) if chance.random() < 0.5 else whole


def insurance(chance: Chance, _language: str = "") -> str:
    """A British national insurance number; half of them in its groups."""
    pair = until(
        lambda: letters(chance, 1, "ABCEGHJKLMNOPRSTWXYZ") + letters(chance, 1, "ABCEGHJKLMNPRSTWXYZ"),
        lambda text: text not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"),
    )
    whole = pair + digits(chance, 6) + chance.choice("ABCD")
    return grouped(whole, 2) if chance.random() < 0.5 else whole


def american(chance: Chance, _language: str = "") -> str:
    """A United States social security number."""
    area = until(lambda: f"{chance.randint(1, 772):03}", lambda text: text != "666")
    return f"{area}-{chance.randint(1, 99):02}-{chance.randint(1, 9999):04}"


def medicare(chance: Chance, _language: str = "") -> str:
    """A Medicare beneficiary identifier; half of them with dashes."""
    some = "ACDEFGHJKMNPQRTUVWXY"
    either = some + string.digits
    whole = "".join(
        chance.choice(of)
        for of in (
            "123456789",
            some,
            either,
            string.digits,
            some,
            either,
            string.digits,
            some,
            some,
            string.digits,
            string.digits,
        )
    )
    return grouped(whole, 4, 3, 4, by="-") if chance.random() < 0.5 else whole


def spanish_social(chance: Chance, _language: str = "") -> str:
    """A Spanish social security number: province, serial, remainder modulo 97."""
    province, serial = f"{chance.randint(1, 52):02}", chance.choice("123456789") + digits(chance, 7)
    check = f"{int(province + serial) % 97:02}"
    return chance.choice((f"{province}{serial}{check}", f"{province}/{serial}/{check}", f"{province} {serial} {check}"))


def spanish_health(chance: Chance, _language: str = "") -> str:
    """A health card of Andalusia or Catalonia."""
    born = f"{chance.randint(40, 99)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    return chance.choice(
        (f"AN{digits(chance, 10)}", f"{letters(chance, 4)}{chance.choice('01')}{born}{digits(chance, 3)}")
    )


def vin(chance: Chance, _language: str = "") -> str:
    """A vehicle identification number; the American ones with their check digit (49 CFR 565.15)."""
    maker = chance.choice(_WMI)
    whole = maker + letters(chance, 13, _VIN) + digits(chance, 1)
    if not maker[0].isdigit():
        return whole
    worth = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
            strict=True,
        )
    )
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum((worth.get(c) or int(c)) * w for c, w in zip(whole, weights, strict=True)) % 11
    return f"{whole[:8]}{'X' if rest == 10 else rest}{whole[9:]}"


def plate(chance: Chance, language: str) -> str:
    """A licence plate."""
    area, serial = chance.choice(("KS", "L", "MS", "HRO", "OL", "FR", "B", "WI")), chance.randint(10, 9999)
    pair, three = letters(chance, 2, _CLEAR), letters(chance, 3, _PLAIN_CONSONANTS)
    return {
        "en": chance.choice(
            (f"{pair}{chance.randint(51, 74)} {three}", f"{digits(chance, 1)}{three}{digits(chance, 3)}")
        ),
        "de": f"{area}-{pair} {serial}",
        "fr": f"{pair}-{digits(chance, 3)}-{letters(chance, 2, _CLEAR)}",
        "es": f"{digits(chance, 4)} {three}",
    }[language]


def address(chance: Chance, _language: str = "") -> str:
    """An address of the internet, of either version, in nobody's private range."""
    if chance.random() < 0.25:
        return ":".join(("2a02", *(f"{chance.randrange(1, 65536):x}" for _ in range(7))))
    first = chance.choice((31, 45, 78, 91, 145, 185, 203))
    return f"{first}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randint(1, 254)}"


def mac(chance: Chance, _language: str = "") -> str:
    """A hardware address."""
    return chance.choice((":", "-")).join(f"{chance.randrange(256):02x}" for _ in range(6))


def coordinates(chance: Chance, _language: str = "") -> str:
    """A place in Europe, in decimal degrees with hemispheres or without, or in degrees, minutes and seconds."""
    north, east = 36 + 20 * chance.random(), 20 * chance.random()
    minutes = [f"{chance.randrange(60)}'{chance.randrange(60)}\"" for _ in range(2)]
    return chance.choice(
        (
            f"{north:.5f}, {east:.5f}",
            f"{north:.4f},{east:.4f}",
            f"{north:.4f}° N, {east:.4f}° E",
            f"{int(north)}°{minutes[0]}N {int(east)}°{minutes[1]}E",
        )
    )

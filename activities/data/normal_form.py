"""What a personal value denotes, however it is written: one value has one keyed hash and one pseudonym.

A mail address that is spelt out is the address, a telephone number with separators or `00` is its E.164 form (ITU-T
E.164: sign, country, number), an address of a machine has the spelling of RFC 5952. What stands inside base64 was
written out by the scanner before (`RowFindings.says`). A national telephone number stays what it is, as its digits
alone do not say of which country it is; the American form does.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException

from activities.data.kinds import spoken
from activities.data.text import normalised

REMEMBERED: Final = 16_384
"""Values whose normal form is kept."""
_ESCAPES: Final = re.compile(r"\\[nrt]")
_AT: Final = re.compile(rf"\s?[(\[{{]\s?(?:{spoken.BRACKETED_AT})\s?[)\]}}]\s?|\s(?:{spoken.AT})\s", re.I)
_DOT: Final = re.compile(rf"\s?[(\[{{]\s?(?:{spoken.DOT})\s?[)\]}}]\s?|\s(?:{spoken.DOT})\s", re.I)
_AMERICAN: Final = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
"""Area code and exchange begin with two at least (NANPA)."""
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+")


@functools.lru_cache(REMEMBERED)
def normal_form(kind: str, text: str) -> str:
    """The same for every way of writing one value of a kind, the form itself being one."""
    plain = _ESCAPES.sub(" ", normalised(text)).strip()
    return _FORMS.get(kind, folded)(plain)


def folded(text: str) -> str:
    """What is the same value in two ways of writing: letters without accents, and digits."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(filter(str.isalnum, letters))


def _mail(text: str) -> str:
    if "@" not in text:
        text = _AT.sub("@", text, count=1)
    # The rule takes a quotation mark in front for a part of the name.
    return "".join(_DOT.sub(".", text).split()).casefold().lstrip("'.%+-")


def e164(text: str) -> str:
    """An international telephone number, or one in the American form, as its E.164 form; of others the digits."""
    digits = "".join(filter(str.isdecimal, text))
    if text.startswith("00"):
        text, digits = f"+{text[2:]}", digits[2:]
    if not text.startswith(("+", "(+")):
        return f"+1{digits[-10:]}" if _AMERICAN.fullmatch(digits) else digits
    try:
        number = phonenumbers.parse(f"+{text.partition('+')[2]}")
    except NumberParseException:
        return f"+{digits}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _machine(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return folded(text)


def _person(text: str) -> str:
    return " ".join(filter(None, map(folded, text.split())))


def _parts(text: str) -> str:
    """Words, and numbers without leading zeros, apart: the first of November is not the eleventh of January."""
    return " ".join(folded(part).lstrip("0") for part in _PARTS.findall(text))


_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "EMAIL_ADDRESS": _mail,
    "PHONE_NUMBER": e164,
    "IP_ADDRESS": _machine,
    "PERSON": _person,
    "USERNAME": lambda text: text.lstrip("@").casefold(),
    "DATE_OF_BIRTH": _parts,
}
"""Of all other kinds letters and digits tell one value from another."""

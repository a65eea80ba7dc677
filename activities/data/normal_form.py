"""What a personal value denotes, however it is written: one value has one keyed hash and one pseudonym.

A mail address that is spelt out is the address, a telephone number with separators or `00` is its E.164 form (ITU-T
E.164: sign, country, number), an address of a machine has the spelling of RFC 5952, a date is ISO 8601 where it can be
read in one way only. What stands inside base64 was written out by the scanner before (`RowFindings.says`). Rows are
refused by these forms without anybody looking, so what parts two values stays: where words and numbers end, signs and
decimal points, extensions. docs/data.md lists the ways of writing that have forms of their own.
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

from activities.data.dates import unambiguous
from activities.data.kinds import spoken
from activities.data.text import normalised

REMEMBERED: Final = 16_384
"""Values whose normal form is kept."""
_ESCAPES: Final = re.compile(r"\\[nrt]")
_AT: Final = re.compile(rf"\s?[(\[{{]\s?(?:{spoken.BRACKETED_AT})\s?[)\]}}]\s?|\s(?:{spoken.AT})\s", re.I)
_DOT: Final = re.compile(rf"\s?[(\[{{]\s?(?:{spoken.DOT})\s?[)\]}}]\s?|\s(?:{spoken.DOT})\s", re.I)
_GAP: Final = r"[\s.\-/\u2010-\u2015]{1,3}"
_AREA: Final = r"[2-9]\d{2}"
_AMERICAN: Final = re.compile(
    rf"1(?:{_GAP}|\s?(?=\())\(?{_AREA}\)?(?:{_GAP})?{_AREA}(?:{_GAP})?\d{{4}}"
    rf"|(?:\({_AREA}\)(?:{_GAP})?|{_AREA}{_GAP}){_AREA}{_GAP}\d{{4}}"
)
"""A 1 that stands apart, or groups of 3, 3 and 4; area code and exchange begin with two at least (NANPA).

Ten digits in other groups are as well of India or Mexico, eleven without any gap of China.
"""
_EXTENSION: Final = re.compile(
    r"[\s,;]*(?:\b(?:ext(?:ension|ensi[oó]n|n)?|durchwahl|nebenstelle|dw|poste|anexo|interno)\b|(?<=\d)x|(?<=\s)x|#)"
    r"[\s.:=]{0,3}(?P<extension>\d{1,7})$",
    re.I,
)
_DEGREES: Final = re.compile(
    r"(?P<sign>[-\u2212]?)(?P<degrees>\d+(?:\.\d+)?)\s?°?\s?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s?['\u2032\u2019](?!['\u2032\u2019])\s?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s?(?:[\"\u201d\u2033]|['\u2032\u2019]{2})\s?)?)?"
    r"(?:(?P<half>[NSEWO])(?![^\W\d_]))?",
    re.I,
)
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+")
_APOSTROPHE: Final = re.compile("['\u2018\u2019\u02bc`]| \u0301")
"""The last is what NFKC makes of an acute accent that stands by itself."""
_STROKES: Final = str.maketrans("øłđı", "oldi")
"""Letters that Unicode does not take apart."""
_SHORT_YEAR: Final = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{2})")


@functools.lru_cache(REMEMBERED)
def normal_form(kind: str, text: str) -> str:
    """The same for every way of writing one value of a kind, the form itself being one."""
    plain = _ESCAPES.sub(" ", normalised(text)).strip()
    return _FORMS.get(kind, _words)(plain)


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
    """An international telephone number, or one in the American form, as its E.164 form; of others the digits.

    An extension follows as in RFC 3966: a desk is not its switchboard.
    """
    extension = _EXTENSION.search(text)
    if extension:
        return f"{_subscriber(text[: extension.start()])};ext={extension['extension']}"
    return _subscriber(text)


def _subscriber(text: str) -> str:
    text = text.strip()
    digits = "".join(filter(str.isdecimal, text))
    if digits.startswith("00") and not text.startswith(("+", "(+")):
        text, digits = f"+{digits[2:]}", digits[2:]
    if not text.startswith(("+", "(+")):
        return f"+1{digits[-10:]}" if _AMERICAN.fullmatch(text) else digits
    try:
        number = phonenumbers.parse(f"+{text.partition('+')[2]}")
    except NumberParseException:
        return f"+{digits}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _machine(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return _words(text)


def _person(text: str) -> str:
    """Words, whether a blank or a hyphen is between them, without apostrophes: O'Neill is one word."""
    words = _PARTS.findall(unicodedata.normalize("NFC", _APOSTROPHE.sub("", text)))
    return " ".join(filter(None, (folded(word).translate(_STROKES) for word in words)))


def _words(text: str) -> str:
    """Words and numbers apart: number 1 in 12345 is not number 11 in 2345."""
    return " ".join(filter(None, map(folded, _PARTS.findall(unicodedata.normalize("NFC", text)))))


def _plate(text: str) -> str:
    """With the umlauts, which part districts: BÖ is not BO."""
    return " ".join(_PARTS.findall(unicodedata.normalize("NFC", text).casefold()))


def _born(text: str) -> str:
    """ISO 8601, or as it is written: numbers without leading zeros, apart."""
    if date := unambiguous(text):
        return date
    if match := _SHORT_YEAR.fullmatch(text):
        return f"{int(match[1])}.{int(match[2])}.{match[3]}"
    return " ".join(folded(part).lstrip("0") or "0" for part in _PARTS.findall(text))


def _place(text: str) -> str:
    """Two numbers of degrees to a millionth, which is a tenth of a metre; south and west below zero."""
    pair = list(_DEGREES.finditer(text))
    if len(pair) != 2:
        return " ".join(re.findall(r"[-\u2212]?\d+(?:[.,]\d+)?|[^\W\d_]+", text.casefold()))
    return " ".join(map(_degrees, pair))


def _degrees(match: re.Match[str]) -> str:
    degrees = float(match["degrees"]) + float(match["minutes"] or 0) / 60 + float(match["seconds"] or 0) / 3600
    half = (match["half"] or "").casefold()
    if match["sign"] or half in ("s", "w"):
        degrees = -degrees
    # An O is the east in German, and the west in French and Spanish.
    return f"{round(degrees, 6) + 0.0:.6f}".rstrip("0").rstrip(".") + ("o" if half == "o" else "")


def _number(text: str) -> str:
    """A number of somebody; a plus in it tells the century of those in the north."""
    return "+".join(map(folded, text.split("+")))


_CODES: Final = (
    *("IBAN_CODE", "SWIFT_CODE", "CREDIT_CARD", "BANK_ACCOUNT", "MAC_ADDRESS", "VIN", "PASSPORT", "ID_CARD"),
    *("DRIVER_LICENSE", "HEALTH_ID", "US_SSN", "US_MBI", "UK_NINO", "UK_NHS", "DE_TAX_ID", "DE_SOCIAL_SECURITY"),
    *("FR_NIR", "FR_TAX_ID", "ES_NIF", "ES_NIE", "ES_SOCIAL_SECURITY"),
)
"""One number each, whatever groups it is written in: letters and digits tell one from another."""
_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(_CODES, folded),
    "EMAIL_ADDRESS": _mail,
    "PHONE_NUMBER": e164,
    "IP_ADDRESS": _machine,
    "PERSON": _person,
    "USERNAME": lambda text: text.lstrip("@ ").casefold(),
    "DATE_OF_BIRTH": _born,
    "COORDINATES": _place,
    "LICENSE_PLATE": _plate,
    "NATIONAL_ID": _number,
}
"""Of all other kinds, those of installed recognisers among them, words and numbers apart."""

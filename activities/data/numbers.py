"""Checks of candidates that are numbers. Each says how many leading characters are the real thing, 0 for none."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException
from stdnum import iban as stdnum_iban
from stdnum import luhn
from stdnum.gb import nhs as stdnum_nhs
from stdnum.us import ssn as stdnum_ssn

IBAN_LENGTHS: Final = range(15, 35)
REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IN", "AT", "CH", "IE", "AU", "BE", "MX", "AR", "CO")
"""Numbering plans that a national number after a cue word is tried in."""


_DECIMAL: Final = re.compile(r"\d{1,3}\.\d{4,}(?:\D|$)")
_CARD_LENGTHS: Final = (
    (re.compile("4"), (13, 16, 19)),
    (re.compile("3[47]"), (15,)),
    (re.compile("3[0689]"), (14, 16)),
    (re.compile("35|5[0-9]|2[2-7]"), (16,)),
    (re.compile("6"), (16, 19)),
)
"""Lengths by first digits (ISO/IEC 7812 registry: Visa, American Express, Diners, JCB, Mastercard, others)."""
_CARD_GROUPS: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3))


def iban(text: str) -> int:
    """The longest beginning with the length and check digits of its country (ISO 13616): prose may follow."""
    ends = [i + 1 for i, sign in enumerate(text) if sign.isalnum()]
    for end in reversed(ends):
        compact = re.sub(r"[^A-Za-z0-9]", "", text[:end])
        if len(compact) in IBAN_LENGTHS and stdnum_iban.is_valid(compact, check_country=False):
            return end
    return 0


def card(text: str) -> int:
    """A payment card number: 13 to 19 digits with a Luhn check digit (ISO/IEC 7812)."""
    digits = re.sub(r"\D", "", text)
    if len(set(digits)) < 2 or not luhn.is_valid(digits):
        return 0
    usual = any(len(digits) in lengths for first, lengths in _CARD_LENGTHS if first.match(digits))
    groups = tuple(len(part) for part in re.split(r"[ .-]", re.sub(r"[ .-]*\s*\n[ .-]*", "", text)))
    whole = len(groups) == 1 or groups in _CARD_GROUPS or set(groups) == {1} or "\n" in text
    return len(text) if usual and whole else 0


def ssn(text: str) -> int:
    """A social security number that may have been issued."""
    digits = re.sub(r"\D", "", text)
    return len(text) if stdnum_ssn.is_valid(digits) else 0


def nhs(text: str) -> int:
    """A number of the British health service, by its check digit."""
    return len(text) if stdnum_nhs.is_valid(re.sub(r"\D", "", text)) else 0


def phone(text: str) -> int:
    """A number in international form, or in the American one."""
    line = " ".join(text.split())
    international = "+" + line[2:] if line.startswith("00") else line
    return len(text) if _callable(international, None if international.startswith("+") else "US") else 0


def phone_after_cue(text: str) -> int:
    """A national number of one of `REGIONS`."""
    if _DECIMAL.match(text):
        return 0
    digits = re.sub(r"\D", "", text)
    return len(text) if any(_callable(digits, region) for region in REGIONS) else 0


def public_ip(text: str) -> int:
    """An address of somebody: private, loopback and documentation ranges name nobody."""
    try:
        address = ipaddress.ip_address(text)
        # "be::" and "::" stand in code; a machine's own address has more groups than that.
        spelt = address.version == 4 or len([part for part in text.split(":") if part]) > 2
        return len(text) if address.is_global and spelt else 0
    except ValueError:
        return 0


def _callable(text: str, region: str | None) -> bool:
    try:
        # "possible", not "valid": invented numbers such as 555-0100 are on no plan, and redacting them costs nothing.
        return phonenumbers.is_possible_number(phonenumbers.parse(text, region))
    except NumberParseException:
        return False

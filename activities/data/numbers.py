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
CARD_LENGTHS: Final = range(13, 20)
REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IN", "AT", "CH", "IE", "AU", "BE", "MX", "AR", "CO")
"""Numbering plans that a national number after a cue word is tried in."""


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
    varied = len(set(digits)) > 1
    return len(text) if len(digits) in CARD_LENGTHS and varied and luhn.is_valid(digits) else 0


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
    return len(text) if any(_callable(text, region) for region in REGIONS) else 0


def public_ip(text: str) -> int:
    """An address of somebody: private, loopback and documentation ranges name nobody."""
    try:
        return len(text) if ipaddress.ip_address(text).is_global else 0
    except ValueError:
        return 0


def _callable(text: str, region: str | None) -> bool:
    try:
        # "possible", not "valid": invented numbers such as 555-0100 are on no plan, and redacting them costs nothing.
        return phonenumbers.is_possible_number(phonenumbers.parse(text, region))
    except NumberParseException:
        return False

"""Stand-ins: constant under a key, of the same form, from ranges that belong to nobody."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from activities.data.invented import invented
from activities.data.normal_form import folded

VALUES = {
    "PERSON": "Erika Mustermann",
    "EMAIL_ADDRESS": "erika@firma.de",
    "PHONE_NUMBER": "+49 30 901820",
    "IBAN_CODE": "DE89 3704 0044 0532 0130 00",
    "CREDIT_CARD": "4111-1111-1111-1111",
    "STREET_ADDRESS": "Lindenstraße 12a",
    "LOCATION": "Ulm",
    "COORDINATES": "52.52001, 13.40495",
    "DATE_OF_BIRTH": "3 May 1980",
    "IP_ADDRESS": "93.184.216.34",
    "MAC_ADDRESS": "3e-c8-88-c6-b2-51",
    "USERNAME": "@erika_m",
    "US_SSN": "219-09-9998",
    "UK_NINO": "AB 12 34 56 C",
    "UK_NHS": "943 476 5919",
    "FR_NIR": "1 41 11 66 883 971 11",
    "ES_NIF": "41865021-F",
    "PASSPORT": "C01X00T47",
    "LICENSE_PLATE": "B-AY 1234",
}


@pytest.mark.parametrize(("kind", "value"), VALUES.items(), ids=VALUES.keys())
def test_a_pseudonym_is_constant_and_another(kind: str, value: str) -> None:
    made = invented(kind, value, b"key", "")
    assert made == invented(kind, value, b"key", "")
    assert folded(made or value) != folded(value)
    assert made != invented(kind, value, b"key", "another row") or kind == "LOCATION"


def test_values_come_from_ranges_that_are_nobody_s() -> None:
    def of(kind: str) -> str:
        return invented(kind, VALUES[kind], b"key", "") or ""

    assert of("EMAIL_ADDRESS").endswith(("@example.org", "@example.com", "@example.net"))
    assert not ipaddress.ip_address(of("IP_ADDRESS")).is_global
    assert iban.is_valid(of("IBAN_CODE"), check_country=False)
    assert of("IBAN_CODE")[4:12] == "00000000"
    assert luhn.is_valid(of("CREDIT_CARD").replace("-", ""))
    assert of("CREDIT_CARD").startswith("99")
    assert of("US_SSN").startswith("000-")
    assert of("UK_NINO").startswith("QQ ")
    assert of("MAC_ADDRESS").startswith("00-00-5e-00-53-")
    assert invented("UNHEARD_OF", "x", b"key", "") is None


def test_a_part_of_a_name_is_the_same_person() -> None:
    first, last = (invented("PERSON", "Erika Mustermann", b"key", "") or "").split()
    assert invented("PERSON", "Erika", b"key", "") == first
    assert invented("PERSON", "erika mustermann", b"key", "") == f"{first} {last}".lower()


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(VALUES)), text=st.text(min_size=1, max_size=40))
def test_any_text_has_a_stand_in(kind: str, text: str) -> None:
    made = invented(kind, text, b"key", "")
    assert made == invented(kind, text, b"key", "")
    assert made is None or folded(made) != folded(text) or not folded(text)

"""One value has one normal form, however it is written; two values have two."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.data.findings import Scanner
from activities.data.kinds import spoken
from activities.data.normal_form import normal_form

ALIKE = {
    "erika.m@example.org": (
        "EMAIL_ADDRESS",
        [
            "Erika.M@Example.ORG",
            "'erika.m@example.org",
            "erika.m@exam\nple.org",
            "erika dot m at example dot org",
            "erika.m [at] example.org",
            "erika.m (ät) example (Punkt) org",
            "ERIKA.M AT EXAMPLE DOT ORG",
            "erika.m arobase example point org",
            "erika.m chez example point org",
            "erika.m arroba example punto org",
            "\uff45rika.m@ex\u200bample.org",
        ],
    ),
    "+4930901820": (
        "PHONE_NUMBER",
        ["+49 30 901820", "0049 30/90 18 20", "+49 (0)30 901820", "(+49) 30-901820", "+49 30\\n901820"],
    ),
    "+12125550142": ("PHONE_NUMBER", ["+1 212 555 0142", "(212) 555-0142", "1-212-555-0142", "001 212.555.0142"]),
    "030901820": ("PHONE_NUMBER", ["030 901820", "030/901820", "(030) 90 18 20"]),
    "de89370400440532013000": ("IBAN_CODE", ["DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00"]),
    "2606:2800:220:1::1": ("IP_ADDRESS", ["2606:2800:0220:0001:0000:0000:0000:0001", "2606:2800:220:1:0::1"]),
    "erika muller": ("PERSON", ["Erika Müller", "ERIKA  MÜLLER", "erika muller"]),
    "erika_m": ("USERNAME", ["@erika_m", "Erika_M"]),
    "3 5 1980": ("DATE_OF_BIRTH", ["03.05.1980", "3. 5. 1980", "3/5/1980"]),
    "12345678z": ("ES_NIF", ["12345678-Z", "12 345 678 z"]),
}
APART = {
    "EMAIL_ADDRESS": ["erika.m@example.org", "erikam@example.org", "erika-m@example.org", "erika.m@example.com"],
    "PHONE_NUMBER": ["+49 30 901820", "+44 30 901820", "030 901820"],
    "IP_ADDRESS": ["1.11.1.1", "11.1.1.1", "no address"],
    "USERNAME": ["erika_m", "erika.m", "erikam"],
    "DATE_OF_BIRTH": ["1.11.1980", "11.1.1980"],
}


@pytest.mark.parametrize(("form", "kind", "written"), [(form, *of) for form, of in ALIKE.items()], ids=ALIKE)
def test_one_value_has_one_form(form: str, kind: str, written: list[str]) -> None:
    assert {normal_form(kind, text) for text in (form, *written)} == {form}


@pytest.mark.parametrize(("kind", "values"), APART.items(), ids=APART)
def test_two_values_have_two(kind: str, values: list[str]) -> None:
    assert all(normal_form(kind, one) != normal_form(kind, other) for one, other in combinations(values, 2))


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"erika.m {at} example {dot} org"
            for ats, dots in spoken.SAID
            for at in ats.split("|")
            for dot in (*dots.split("|"), *(f"({one})" for one in dots.split("|")))
        ),
        *(
            f"erika.m [{at}] example {dot} org"
            for at in spoken.BRACKETED_AT.split("|")
            for dot in spoken.DOT.split("|")
        ),
    ],
)
def test_every_way_to_read_an_address_out_is_found_and_written_out(scanner: Scanner, text: str) -> None:
    assert ("EMAIL_ADDRESS", text) in scanner.scan([text]).personal
    assert normal_form("EMAIL_ADDRESS", text) == "erika.m@example.org"


@settings(deadline=None)
@given(
    kind=st.sampled_from(["OF_A_USER", *(kind for kind, _ in ALIKE.values())]),
    text=st.text(max_size=40) | st.text("@.+0159 ()atdo\\n-", max_size=20),
)
def test_any_text_has_a_form_that_what_does_not_show_leaves_alone(kind: str, text: str) -> None:
    assert normal_form(kind, f" \u200b{text}\u00ad ") == normal_form(kind, text)

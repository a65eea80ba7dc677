"""One value has one normal form, however it is written; two values have two."""

from __future__ import annotations

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
        [
            "+49 30 901820",
            "0049 30/90 18 20",
            "+49 (0)30 901820",
            "(+49) 30-901820",
            "(0049) 30 901820",
            "+49 30\\n901820",
        ],
    ),
    "+12125550142": (
        "PHONE_NUMBER",
        [
            "+1 212 555 0142",
            "+12125550142",
            "(212) 555-0142",
            "(212)555-0142",
            "212 555 0142",
            "212.555.0142",
            "1-212-555-0142",
            "1 (212) 555 0142",
            "1(212)555-0142",
            "1 2125550142",
            "001 212.555.0142",
        ],
    ),
    "+12125550142;ext=5": (
        "PHONE_NUMBER",
        ["+1 212 555 0142 ext 5", "(212) 555-0142 ext. 5", "212-555-0142x5", "+1 212 555 0142 Durchwahl: 5"],
    ),
    "5512345678": ("PHONE_NUMBER", ["55 1234 5678", "55-1234-5678"]),
    "030901820": ("PHONE_NUMBER", ["030 901820", "030/901820", "(030) 90 18 20"]),
    "de89370400440532013000": ("IBAN_CODE", ["DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00"]),
    "2606:2800:220:1::1": ("IP_ADDRESS", ["2606:2800:0220:0001:0000:0000:0000:0001", "2606:2800:220:1:0::1"]),
    "erika muller": ("PERSON", ["Erika Müller", "ERIKA  MÜLLER", "erika muller", "Erika Mu\u0308ller"]),
    "anne marie dupont": ("PERSON", ["Anne-Marie Dupont", "Anne Marie Dupont", "ANNE\u2010MARIE DUPONT"]),
    "sinead oneill": ("PERSON", ["Sinéad O'Neill", "Sinead O\u2019Neill", "Sinéad ONeill", "Sinéad O\u00b4Neill"]),
    "rafal kowalski": ("PERSON", ["Rafał Kowalski", "Rafal Kowalski"]),
    "j smith": ("PERSON", ["J. Smith", "J.Smith", "j smith"]),
    "erika_m": ("USERNAME", ["@erika_m", "Erika_M"]),
    "1990-02-01": (
        "DATE_OF_BIRTH",
        [
            "01.02.1990",
            "1. 2. 1990",
            "1990/02/01",
            "1990.2.1",
            "1 Feb 1990",
            "1st of February, 1990",
            "February 1, 1990",
            "1-Feb-1990",
            "1. Februar 1990",
            "1er février 1990",
            "1 févr. 1990",
            "1 de febrero de 1990",
            "1º de febrero de 1990",
        ],
    ),
    "1990-03-12": ("DATE_OF_BIRTH", ["12. März 1990", "12 Maerz 1990", "12 mars 1990", "12 mar 1990", "12.03.1990"]),
    "1990-08-25": ("DATE_OF_BIRTH", ["25/08/1990", "08/25/1990", "25-8-1990", "25 août 1990", "25 ago 1990"]),
    "1990-07-07": ("DATE_OF_BIRTH", ["07/07/1990", "7 juil. 1990", "7. Juli 1990"]),
    "3 5 1980": ("DATE_OF_BIRTH", ["3/5/1980", "03/05/1980", "3-5-1980"]),
    "3.5.80": ("DATE_OF_BIRTH", ["03.05.80", "3. 5. 80"]),
    "b ab 123": ("LICENSE_PLATE", ["B-AB 123", "B AB 123", "b-ab123", "B-AB\n123"]),
    "ab 123 cd": ("LICENSE_PLATE", ["AB-123-CD", "AB 123 CD", "AB123CD"]),
    "52.5 13.4": (
        "COORDINATES",
        [
            "52.5, 13.4",
            "52.500,13.400",
            "52.5° N, 13.4° E",
            "52.5 lng: 13.4",
            "52°30'N 13°24'E",
            "52°30'0\"N, 13°24'0″E",
        ],
    ),
    "-33.9 -18.4": ("COORDINATES", ["-33.9, -18.4", "33.9 S, 18.4 W", "\u221233.9; \u221218.40", "33°54'S 18°24'W"]),
    "hauptstrasse 1 a 12345 ulm": (
        "STREET_ADDRESS",
        ["Hauptstraße 1a, 12345 Ulm", "Hauptstrasse 1 A 12345 Ulm", "hauptstraße 1a,\n12345 Ulm"],
    ),
    "neu ulm": ("LOCATION", ["Neu-Ulm", "Neu Ulm"]),
    "12345678z": ("ES_NIF", ["12345678-Z", "12 345 678 z"]),
}
APART = {
    "EMAIL_ADDRESS": ["erika.m@example.org", "erikam@example.org", "erika-m@example.org", "erika.m@example.com"],
    "PHONE_NUMBER": [
        *("+49 30 901820", "+44 30 901820", "030 901820"),
        *("98765 43210", "+1 987 654 3210"),
        *("55 1234 5678", "(551) 234-5678"),
        *("139 1234 5678", "1 391 234 5678", "2125550143", "+1 212 555 0143"),
        *("+1 212 555 0142", "+1 212 555 0142 ext 5", "+1 212 555 0142 ext 15"),
        *("030 901822", "030 90182 ext 2"),
    ],
    "IP_ADDRESS": ["1.11.1.1", "11.1.1.1", "no address", "1.11.1.300", "11.1.1.300"],
    "USERNAME": ["erika_m", "erika.m", "erikam"],
    "PERSON": ["Anne Marie Dupont", "Marie Anne Dupont", "Joe Smith", "Jo Smith", "Michael Nowak", "Michal Nowak"],
    "DATE_OF_BIRTH": [
        *("1.11.1980", "11.1.1980", "1/11/1980", "11/1/1980"),
        *("01/02/1990", "02/01/1990", "1990-02-01", "1990-01-02"),
        *("01.02.90", "01/02/90", "01.02.1890", "1 Jun 1990", "1 Jul 1990", "1 Jui 1990", "31.02.1990", "3.12.1990"),
    ],
    "LICENSE_PLATE": ["B-AB 123", "BA-B 123", "BAB 123", "BO-AB 12", "BÖ-AB 12", "AB-12-CD", "A-B 12 CD"],
    "COORDINATES": [
        *("52.5, 13.4", "5.25, 134", "-52.5, 13.4", "52.5, -13.4", "525, 134", "52.5, 13.41"),
        *("52.5 N 13.4 O", "52°5'N 13°4'E", "5°25'N 13°4'E", "52.5", "-52.5", "1 23 4", "12 3 4"),
    ],
    "STREET_ADDRESS": [
        *("Hauptstr. 1, 12345 Ulm", "Hauptstr. 11, 2345 Ulm", "Hauptstr. 1-2", "Hauptstr. 12"),
        *("Am Berg 1", "Amberg 1", "1 Long Road, 02345 X", "1 Long Road, 2345 X"),
    ],
    "NATIONAL_ID": ["121212+1212", "121212-1212"],
    "LOCATION": ["Am Berg", "Amberg"],
    "OF_A_USER": ["12-345", "1-2345", "12345"],
}


@pytest.mark.parametrize(("form", "kind", "written"), [(form, *of) for form, of in ALIKE.items()], ids=ALIKE)
def test_one_value_has_one_form(form: str, kind: str, written: list[str]) -> None:
    assert {normal_form(kind, text) for text in (form, *written)} == {form}


@pytest.mark.parametrize(("kind", "values"), APART.items(), ids=APART)
def test_two_values_have_two(kind: str, values: list[str]) -> None:
    forms = [normal_form(kind, value) for value in values]
    assert sorted(forms) == sorted(set(forms))


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


@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted({kind for kind, _ in ALIKE.values()} | APART.keys())),
    text=st.text("0129 .-/()+,;xNSWO°'\"üaBext#:@", max_size=20),
)
def test_a_form_is_its_own_form(kind: str, text: str) -> None:
    form = normal_form(kind, text)
    assert normal_form(kind, form) == form

"""Redaction takes personal data out and leaves everything else where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from activities.data.findings import Scanner
from activities.data.redaction import Redactor

SCANNER = Scanner()


def redacted(row: JsonValue) -> JsonValue:
    return Redactor(SCANNER, SCANNER.scan(row)).redact(row)


def test_the_same_value_has_one_placeholder_throughout_the_row() -> None:
    row: JsonValue = {
        "messages": [
            {"role": "user", "content": "My name is Erika Mustermann, reach erika@example.org or bob@example.org."},
            {"role": "assistant", "calls": [{"contact": "Erika Mustermann", "mail": "erika@example.org"}]},
        ]
    }
    assert redacted(row) == {
        "messages": [
            {"role": "user", "content": "My name is [PERSON_1], reach [EMAIL_ADDRESS_1] or [EMAIL_ADDRESS_2]."},
            {"role": "assistant", "calls": [{"contact": "[PERSON_1]", "mail": "[EMAIL_ADDRESS_1]"}]},
        ]
    }


def test_a_value_that_is_written_in_two_ways_has_one_placeholder() -> None:
    row: JsonValue = ["erika@example.org", "erika at example dot org", "bob@example.org", "Erika@Example.org"]
    assert redacted(row) == [f"[EMAIL_ADDRESS_{number}]" for number in (1, 1, 2, 1)]


def test_names_of_fields_and_long_numbers_are_replaced() -> None:
    row: JsonValue = {"erika@example.org": {"card": 4111111111111111, "size": 4500000, "open": True, "note": None}}
    assert redacted(row) == {
        "[EMAIL_ADDRESS_1]": {"card": "[CREDIT_CARD_1]", "size": 4500000, "open": True, "note": None}
    }


def test_text_without_findings_stays_byte_for_byte() -> None:
    row: JsonValue = ["ﬁne \u200b print", "erika@example.org"]
    assert redacted(row) == ["ﬁne \u200b print", "[EMAIL_ADDRESS_1]"]


def test_a_value_is_not_replaced_inside_a_longer_word() -> None:
    assert redacted(["My name is Ann", "Announcement by Ann"]) == [
        "My name is [PERSON_1]",
        "Announcement by [PERSON_1]",
    ]


PERSONAL = ("erika@example.org", "+49 30 901820", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111")
TEXTS = st.lists(st.sampled_from([*PERSONAL, "plain", "words", "42"]), min_size=1, max_size=4).map(", ".join)
DOCUMENTS = st.recursive(
    TEXTS | st.integers(0, 10**15) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(row=DOCUMENTS)
def test_nothing_personal_is_left_and_the_structure_is_kept(row: Any) -> None:
    clean = redacted(row)
    assert not SCANNER.scan(clean).personal
    assert not any(value in json.dumps(clean) for value in PERSONAL)
    assert _shape(clean) == _shape(row)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_can_be_redacted_twice_with_the_same_result(text: str) -> None:
    once = redacted({"content": text})
    assert redacted(once) == once


def _shape(value: JsonValue) -> object:
    if isinstance(value, Mapping):
        return {"object": [_shape(inner) for inner in value.values()]}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    # A long number that was an identity becomes text; every other value keeps its type.
    return "text or number" if isinstance(value, str | int) and not isinstance(value, bool) else type(value).__name__


def test_a_kind_that_is_kept_stays_and_leaves_nothing_over() -> None:
    row: JsonValue = ["My name is Erika Mustermann, mail erika@firma.de"]
    redactor = Redactor(SCANNER, SCANNER.scan(row), {"PERSON": "keep"})
    assert redactor.redact(row) == ["My name is Erika Mustermann, mail [EMAIL_ADDRESS_1]"]
    assert redactor.leftovers(row)
    assert not redactor.leftovers(redactor.redact(row))


def test_a_pseudonym_is_the_same_in_every_row_and_another_under_another_key() -> None:
    def cleaned(text: str, key: bytes) -> JsonValue:
        redactor = Redactor(SCANNER, SCANNER.scan(text), {"PERSON": "pseudonym", "EMAIL_ADDRESS": "pseudonym"}, key)
        assert not redactor.leftovers(redactor.redact(text))
        return redactor.redact(text)

    first = cleaned("My name is Erika Mustermann.", b"tenant")
    second = cleaned("My name is Erika Mustermann, thanks.", b"tenant")
    assert str(second).startswith(str(first)[:-1])
    assert "Erika" not in str(first)
    assert cleaned("My name is Erika Mustermann.", b"other") != first


def test_pseudonyms_need_a_key() -> None:
    with pytest.raises(ValueError, match="need a key"):
        Redactor(SCANNER, SCANNER.scan("x"), {"PERSON": "pseudonym"})


def test_a_value_in_pieces_is_replaced_in_each() -> None:
    row: JsonValue = {"card": {"card_1": "4111", "card_2": "1111", "card_3": "1111", "card_4": "1111"}}
    redactor = Redactor(SCANNER, SCANNER.scan(row))
    clean = redactor.redact(row)
    assert "4111" not in json.dumps(clean)
    assert not redactor.leftovers(clean)


@settings(max_examples=100, deadline=None)
@given(row=DOCUMENTS, treatment=st.sampled_from(["pseudonym", "synthetic", "redact"]))
def test_no_treatment_leaves_an_original(row: Any, treatment: Any) -> None:
    kinds = dict.fromkeys(("EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD"), treatment)
    redactor = Redactor(SCANNER, SCANNER.scan(row), kinds, b"key")
    clean = redactor.redact(row)
    assert not redactor.leftovers(clean)
    assert not any(value in json.dumps(clean) for value in PERSONAL)
    assert _shape(clean) == _shape(row)

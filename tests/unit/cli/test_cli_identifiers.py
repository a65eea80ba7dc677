"""Values that name a person are typed by people: what is wrong with one is said, and never the value."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from activities.data.normal_form import _FORMS
from assay.cli import identifiers

Assay = Callable[..., Any]


@pytest.mark.parametrize("given", ["k@x.example", "=k@x.example", "EMAIL_ADDRESS="])
def test_a_value_without_its_kind_is_refused_and_not_repeated(assay: Assay, key: bytes, given: str) -> None:
    ended = assay("erase", "--tenant", "acme", "--by", "pia@acme.example", "--identifier", given)
    assert (ended.code, "IDENTIFIER_MALFORMED" in ended.err) == (1, True)
    assert "k@x.example" not in ended.err


@pytest.mark.parametrize(
    "given",
    [
        *("EMAIL_ADDRESS=k.maus", "EMAIL_ADDRESS=@x.example", "EMAIL_ADDRESS=k@", "PHONE_NUMBER=k.maus", "PERSON=!?"),
        *("IBAN_CODE=DE89370400440532013001", "CREDIT_CARD=4111-1111-1111-1112", "UK_NHS=943 476 5918"),
    ],
)
def test_what_is_no_value_of_its_kind_is_refused_and_not_repeated(assay: Assay, key: bytes, given: str) -> None:
    named = ("--identifier", "PERSON=Erika Maus", "--identifier", given)
    ended = assay("erase", "--tenant", "acme", "--by", "pia@acme.example", *named)
    assert (ended.code, ended.out) == (1, "")
    kind, _, value = given.partition("=")
    assert f"IDENTIFIER_MALFORMED: identifier 2 of 2 is no value of the kind {kind}" in ended.err
    assert value not in ended.err


def test_a_mail_address_may_be_spelt_out(assay: Assay, key: bytes) -> None:
    spelt = assay("erase", "hash", "--tenant", "acme", "--identifier", "EMAIL_ADDRESS=k (at) x dot example").json
    assert spelt == assay("erase", "hash", "--tenant", "acme", "--identifier", "EMAIL_ADDRESS=k@x.example").json


@pytest.mark.parametrize(
    "given", ["IBAN_CODE=de89 3704 0044 0532 0130 00", "IBAN_CODE=DE89-3704.0044 0532013000", "US_SSN=219 09 9998"]
)
def test_a_number_may_be_written_in_any_groups(assay: Assay, key: bytes, given: str) -> None:
    assert assay("erase", "hash", "--tenant", "acme", "--identifier", given).code == 0


@pytest.mark.parametrize("kind", ["EMAIL", "email_address", "URL"])
def test_a_kind_that_no_scanner_finds_is_refused_with_those_that_one_does(assay: Assay, key: bytes, kind: str) -> None:
    named = ("--tenant", "acme", "--identifier", "PERSON=Erika Maus", "--identifier", f"{kind}=k@x.example")
    lift = ("suppression", "lift", "--reason", "signed again", "--by", "pia@acme.example")
    for command in (("erase", "--by", "pia@acme.example"), ("erase", "hash"), lift):
        ended = assay(*command, *named)
        assert (ended.code, ended.out) == (1, "")
        assert "IDENTIFIER_KIND_UNKNOWN: identifier 2 of 2" in ended.err
        assert {"EMAIL_ADDRESS,", "PERSON,", "LICENSE_PLATE,", "IBAN_CODE,"} <= set(ended.err.split())
        assert "k@x.example" not in ended.err


@pytest.mark.parametrize(("says", "known"), [(["LOCKER"], ["LOCKER"]), (None, ["URL"])])
def test_kinds_of_an_installed_recogniser_are_known(
    monkeypatch: pytest.MonkeyPatch, says: list[str] | None, known: list[str]
) -> None:
    recogniser = SimpleNamespace(**({} if says is None else {"supported_entities": says}))
    point = SimpleNamespace(load=lambda: lambda: recogniser)
    before = identifiers.kinds()
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    assert before.isdisjoint(known)
    assert {*known, "EMAIL_ADDRESS"} <= identifiers.kinds()


def test_every_kind_with_a_form_of_its_own_is_one_that_is_found() -> None:
    assert set(_FORMS) <= identifiers.kinds()

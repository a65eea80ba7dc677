"""Personal data is found by checksum, numbering plan or cue, in disguise too; and ordinary text is left alone."""

from __future__ import annotations

import base64
import pickle
import time

import pytest
from pydantic import JsonValue

from activities.data.findings import Scanner
from activities.data.hidden import CHAT_ROLES
from activities.data.kinds import model
from activities.data.personal import Span
from activities.data.rules import RULES
from assay.contracts.errors import NotFound

MAIL = "erika@example.org"

FOUND = {
    "mail": (f"Write to {MAIL}.", "EMAIL_ADDRESS", MAIL),
    "spelt mail": ("erika at example dot org", "EMAIL_ADDRESS", "erika at example dot org"),
    "mail spelt throughout": ("to erika dot m at example dot org", "EMAIL_ADDRESS", "erika dot m at example dot org"),
    "bracketed mail": ("erika [at] example.org", "EMAIL_ADDRESS", "erika [at] example.org"),
    "iban before prose": ("to DE89 3704 0044 0532 0130 00 please", "IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
    "lower-case iban": ("gb82west12345698765432", "IBAN_CODE", "gb82west12345698765432"),
    "card": ("card 4111-1111-1111-1111.", "CREDIT_CARD", "4111-1111-1111-1111"),
    "international phone": ("ring +44 20 7946 0958", "PHONE_NUMBER", "+44 20 7946 0958"),
    "phone after a cue": ("call me at 030 901820", "PHONE_NUMBER", "030 901820"),
    "american phone": ("at (212) 555-0142 today", "PHONE_NUMBER", "(212) 555-0142"),
    "social security": ("it is 219-09-9998", "US_SSN", "219-09-9998"),
    "health number": ("my NHS number is 943 476 5919", "UK_NHS", "943 476 5919"),
    "address of a machine": ("from 93.184.216.34", "IP_ADDRESS", "93.184.216.34"),
    "longer address": ("from 2606:2800:220:1::1", "IP_ADDRESS", "2606:2800:220:1::1"),
    "birth date": ("I was born on 3 May 1980.", "DATE_OF_BIRTH", "3 May 1980"),
    "passport": ("passport number C01X00T47", "PASSPORT", "C01X00T47"),
    "street": ("lives at 12 Long Hill Road", "STREET_ADDRESS", "12 Long Hill Road"),
    "strasse": ("wohnt Lindenstraße 12a", "STREET_ADDRESS", "Lindenstraße 12a"),
    "name after a title": ("ask Dr. Erika Mustermann about it", "PERSON", "Erika Mustermann"),
    "name with an initial": ("Regards, J. O'Neill McDonough", "PERSON", "J. O'Neill McDonough"),
    "name that is introduced": ("My name is Jean-Luc Müller and", "PERSON", "Jean-Luc Müller"),
}

FOUND |= {
    "mail read out in French": ("paul arobase exemple point fr", "EMAIL_ADDRESS", "paul arobase exemple point fr"),
    "mail read out in Spanish": ("ana arroba correo punto es", "EMAIL_ADDRESS", "ana arroba correo punto es"),
    "French phone": ("Mon numéro de portable : 06 12 34 56 78", "PHONE_NUMBER", "06 12 34 56 78"),
    "Spanish phone": ("mi teléfono es 612 345 678", "PHONE_NUMBER", "612 345 678"),
    "French birth date": ("né le 3 mai 1980", "DATE_OF_BIRTH", "3 mai 1980"),
    "Spanish birth date": ("fecha de nacimiento: 03/05/1980", "DATE_OF_BIRTH", "03/05/1980"),
    "French street": ("au 12 rue de la Gare", "STREET_ADDRESS", "12 rue de la Gare"),
    "Spanish street": ("en Calle Mayor 12", "STREET_ADDRESS", "Calle Mayor 12"),
    "German tax number": ("Meine Steuer-ID lautet 36574261809.", "DE_TAX_ID", "36574261809"),
    "Spanish identity": ("su NIF 12345678Z", "ES_NIF", "12345678Z"),
    "Polish number": ("PESEL: 44051401359", "NATIONAL_ID", "44051401359"),
    "hardware": ("from 3e:c8:88:c6:b2:51", "MAC_ADDRESS", "3e:c8:88:c6:b2:51"),
    "plate": ("Kennzeichen B-AY 1234", "LICENSE_PLATE", "B-AY 1234"),
    "vehicle": ("chassis number WVWZZZ1JZXW000001", "VIN", "WVWZZZ1JZXW000001"),
    "user": ("username: night_owl7", "USERNAME", "night_owl7"),
    "place": ("GPS: 52.52001, 13.40495", "COORDINATES", "52.52001, 13.40495"),
    "town": ("ich wohne in Ulm", "LOCATION", "Ulm"),
    "account": ("Kontonummer 1234567890", "BANK_ACCOUNT", "1234567890"),
    "known pair": ("then Sandra Schneider paid", "PERSON", "Sandra Schneider"),
    "lower-case pair": ("then sandra schneider paid", "PERSON", "sandra schneider"),
    "name that the model knows": ("gestern hat gudrun angerufen", "PERSON", "gudrun"),
}

CHECKED = {
    "German pension": ("Meine Rentenversicherungsnummer ist 65 220764 M 444.", "DE_SOCIAL_SECURITY", "65 220764 M 444"),
    "French social": (
        "Son numéro de sécurité sociale est le 2 75 03 78 511 477 88.",
        "FR_NIR",
        "2 75 03 78 511 477 88",
    ),
    "Corsican social": ("Voici mon NIR : 185072A43000338", "FR_NIR", "185072A43000338"),
    "French tax": ("Mon numéro fiscal est le 30 51 777 578 241.", "FR_TAX_ID", "30 51 777 578 241"),
    "foreigner in Spain": ("Mi NIE es Y-5743089-A, gracias.", "ES_NIE", "Y-5743089-A"),
    "Spanish social": (
        "El número de la seguridad social es 28/13110513/30.",
        "ES_SOCIAL_SECURITY",
        "28/13110513/30",
    ),
    "German health": ("Auf der Gesundheitskarte steht T466960392.", "HEALTH_ID", "T466960392"),
}
"""Found by a check digit that changes with every digit of the number."""
CHECKED |= {
    name: FOUND[name]
    for name in ("iban before prose", "card", "health number", "German tax number", "Spanish identity")
}
FOUND |= CHECKED
FOUND |= {
    "British insurance": ("Her National Insurance number is AB123456C.", "UK_NINO", "AB123456C"),
    "spaced British insurance": ("NI number: JG 10 37 59 A, please", "UK_NINO", "JG 10 37 59 A"),
    "Medicare": ("my Medicare number is 1EG4-TE5-MK73", "US_MBI", "1EG4-TE5-MK73"),
    "Andalusian health card": ("Mi tarjeta sanitaria es la AN0123456789.", "HEALTH_ID", "AN0123456789"),
    "Catalan health card": ("el CIP de la tarjeta: MARO 0 750312 007", "HEALTH_ID", "MARO 0 750312 007"),
    "British licence": ("My driving licence number is MORGA657054SM9IJ.", "DRIVER_LICENSE", "MORGA657054SM9IJ"),
    "German licence": ("Die Führerscheinnummer lautet B072RRE2I55.", "DRIVER_LICENSE", "B072RRE2I55"),
    "French licence": ("Mon permis de conduire : 940375301234", "DRIVER_LICENSE", "940375301234"),
    "Spanish licence": ("Carnet de conducir número A4455667", "DRIVER_LICENSE", "A4455667"),
    "German card": ("Personalausweis Nr. L01X00T47, ausgestellt in Bonn", "ID_CARD", "L01X00T47"),
    "French card": ("Ma carte d'identité porte le numéro 880692310285.", "ID_CARD", "880692310285"),
    "card of a resident": ("the id card number is SPECI2014X", "ID_CARD", "SPECI2014X"),
    "bank": ("pay to the bank with BIC COBADEFFXXX", "SWIFT_CODE", "COBADEFFXXX"),
    "short bank": ("SWIFT code: DEUTDEFF", "SWIFT_CODE", "DEUTDEFF"),
}

FOUND |= {
    "verb at the end": ("Sie ist mit den Kindern nach Ulm gezogen.", "LOCATION", "Ulm"),
    "verb at the very end": ("weil sie in Bad Homburg wohnt", "LOCATION", "Bad Homburg"),
    "typographic apostrophe": ("sa carte d\u2019identité : 880692310285", "ID_CARD", "880692310285"),
    "shortened number": ("N.º de la tarjeta sanitaria AN0123456789", "HEALTH_ID", "AN0123456789"),
    "shortened German number": ("Reisepass-Nr. C01X00T47 liegt bei", "PASSPORT", "C01X00T47"),
    "name that no list has": ("Hi, this is Emeka Trevelyan calling about it.", "PERSON", "Emeka Trevelyan"),
    "lower-case name with an apostrophe": ("hi, i'm sean o'neill and my parcel is late", "PERSON", "sean o'neill"),
    "the same as phones write it": ("my name is maeve o\u2019connor", "PERSON", "maeve o\u2019connor"),
    "lower-case name that goes on": ("ich heiße leonie strohmaier und brauche hilfe", "PERSON", "leonie strohmaier"),
}

ORDINARY = [
    "Requires libfoo >= 7.33.15.223 or version 13.1.59.27.",
    "Ask the Abbey Road Studios about the Wilson score.",
    "Albert Einstein and Marie Curie met in Brussels.",
    "ISBN 978-3-16-148410-0, SKU 4711-0815, invoice 2024-00017.",
    "Version 10.4.2 of 2024-05-03 costs 4500000 dollars at 12:30.",
    "Calculate 4111111111111112 + 1234567890123.",
    "The array is [52.5200, 13.4050, 48.8566, 2.3522].",
    "Meet us at the station, look at example.org, aim at 50.",
    "The server 192.168.0.1 talks to 127.0.0.1 over ::1.",
    "Order 030901820 was shipped; article 123-45-678.",
    "Doctor Who was born to be wild.",
    "It is named after the Eiffel Tower in Paris.",
    "A recording from 1980 on Abbey Road.",
    "commit 9f3c2a71d00b4e5f6a7b8c9d0e1f2a3b4c5d6e7f",
    "Das wurde in Betracht gezogen, bevor sie nach Hause gezogen sind.",
    "This is Python, it's called a lambda, and c'est fini.",
    "The variable is named counter and the method is called twice.",
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND.values(), ids=FOUND.keys())
def test_it_is_found(scanner: Scanner, text: str, kind: str, value: str) -> None:
    assert scanner.scan([text]).personal == ((kind, value),)


@pytest.mark.parametrize(("text", "kind", "value"), CHECKED.values(), ids=CHECKED.keys())
def test_with_any_digit_changed_it_is_something_else(scanner: Scanner, text: str, kind: str, value: str) -> None:
    for at in (at for at, sign in enumerate(value) if sign.isdigit()):
        changed = f"{value[:at]}{(int(value[at]) + 1) % 10}{value[at + 1 :]}"
        assert kind not in {kind for kind, _ in scanner.scan([text.replace(value, changed)]).personal}, changed


def test_every_kind_of_the_rules_has_an_example_here() -> None:
    assert {rule.entity_type for rule in RULES} - {kind for _, kind, _ in FOUND.values()} == set()


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_alone(scanner: Scanner, text: str) -> None:
    assert scanner.scan([text]).summary == ()


def test_disguises_fall_away(scanner: Scanner) -> None:
    wide = MAIL.translate({i: i + 0xFEE0 for i in range(0x21, 0x7F)})
    split = MAIL.replace("example", "exa\u200bm\u00adple")
    encoded = base64.b64encode(f"reach me at {MAIL}".encode()).decode()
    for disguised in (wide, split):
        assert scanner.scan([disguised]).personal == (("EMAIL_ADDRESS", MAIL),)
    assert scanner.scan([f"see {encoded}"]).personal == (("EMAIL_ADDRESS", encoded),)


def test_every_string_of_a_row_is_read(scanner: Scanner) -> None:
    rows: list[JsonValue] = [{"a": [{"b": MAIL}]}, {MAIL: 1}, [[MAIL]], MAIL, {"a": {"b": {"c": f"<{MAIL}>"}}}]
    for row in rows:
        assert [kind for kind, _ in scanner.scan(row).personal] == ["EMAIL_ADDRESS"]


def test_a_field_name_is_a_cue_and_long_numbers_are_read(scanner: Scanner) -> None:
    assert scanner.scan({"phone": "030 901820"}).personal == (("PHONE_NUMBER", "030 901820"),)
    assert scanner.scan({"card": 4111111111111111}).personal == (("CREDIT_CARD", "4111111111111111"),)
    assert scanner.scan({"customer_name": "Erika Mustermann"}).personal == (("PERSON", "Erika Mustermann"),)
    assert scanner.scan({"lieu_naissance": "Liège"}).personal == (("LOCATION", "Liège"),)
    assert scanner.scan({"fechaNacimiento": "03/05/1980"}).personal == (("DATE_OF_BIRTH", "03/05/1980"),)
    assert scanner.scan({"number": "030 901820", "size": 4500}).personal == ()


def test_what_policy_is_told_counts_different_values(scanner: Scanner) -> None:
    found = scanner.scan([MAIL, MAIL.upper(), "bob@example.org", "aws AKIAIOSFODNN7EXAMPLE"])
    assert [(f.category, f.kind, f.count) for f in found.summary] == [
        ("pii", "EMAIL_ADDRESS", 2),
        ("secret", "AWS_ACCESS_KEY", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
        "token gh" + "p_" + "a1B2" * 9,
        "https://user:hunter2" + "@db.internal/",
        "xoxb" + "-123456789012-123456789012-abcdefghijkl",
    ],
)
def test_credentials_are_found(scanner: Scanner, text: str) -> None:
    assert "secret" in {finding.category for finding in scanner.scan({"meta": {"note": text}}).summary}


def test_more_disguises_fall_away(scanner: Scanner) -> None:
    control = "eri\x07ka@exam\x00ple.org"
    alike = MAIL.translate(str.maketrans("aeo", "\u0430\u0435\u043e"))  # Cyrillic
    for disguised in (control, alike):
        assert scanner.scan([disguised]).personal == (("EMAIL_ADDRESS", MAIL),)
    padded = f"phone: {'.' * 300} 030 901820"
    assert scanner.scan([padded]).personal == (("PHONE_NUMBER", "030 901820"),)
    assert scanner.scan(["card 4111 1111\n1111 1111"]).personal == (("CREDIT_CARD", "4111 1111\n1111 1111"),)


def test_a_value_in_pieces_is_one_value(scanner: Scanner) -> None:
    found = scanner.scan({"card": ["4111", "1111", "1111", "1111"]})
    assert found.personal == (("CREDIT_CARD", "4111111111111111"),)
    assert [finding.count for finding in found.summary] == [1]


def test_the_keys_of_a_turn_hide_no_pieces(scanner: Scanner) -> None:
    halves: JsonValue = {"role": "erika.m", "content": "@example.org"}
    for row in (halves, {"role": "assistant", "tool_calls": [{"function": {"name": "write", "arguments": halves}}]}):
        found = scanner.scan(row)
        assert ("EMAIL_ADDRESS", "erika.m@example.org") in found.personal
        assert [piece for piece, _ in found.pieces] == ["erika.m", "@example.org"]


@pytest.mark.parametrize("role", sorted(CHAT_ROLES))
def test_whose_turn_it_is_is_no_part_of_a_value(scanner: Scanner, role: str) -> None:
    assert scanner.scan({"role": role, "content": "@example.org"}).pieces == ()


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"role": "user", "content": MAIL}, MAIL),
        ({"name": "x1", "mail": MAIL}, MAIL),
        (["2.", "DE89370400440532013000"], "DE89370400440532013000"),
    ],
)
def test_what_stands_beside_a_value_is_no_part_of_it(scanner: Scanner, row: JsonValue, value: str) -> None:
    found = scanner.scan(row)
    assert ([text for _, text in found.personal], found.pieces) == ([value], ())


def test_many_rows_are_read_as_one_by_one(scanner: Scanner) -> None:
    rows: list[JsonValue] = [[text] for text, _, _ in FOUND.values()]
    assert Scanner().scan_many(rows) == [scanner.scan(row) for row in rows]


def test_a_scanner_travels_to_other_processes() -> None:
    there = pickle.loads(pickle.dumps(Scanner(thorough=True)))
    assert there.scan([MAIL]).personal == (("EMAIL_ADDRESS", MAIL),)


def test_without_its_model_nothing_is_scanned_with_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PACKAGE", "no_such_package")
    model._loaded.cache_clear()
    try:
        with pytest.raises(NotFound, match="no-such-package") as caught:
            Scanner().scan(["gestern hat gudrun angerufen"])
        assert caught.value.code == "NAME_MODEL_MISSING"
    finally:
        model._loaded.cache_clear()


class Plates:
    """A recogniser with the interface of Presidio's, as a user would add it."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list[Span]:
        at = text.find("B-AY 1234")
        return [Span("LICENSE_PLATE", at, at + 9)] if at >= 0 else []


def test_a_recogniser_can_be_added() -> None:
    assert Scanner([Plates()]).scan(["seen: B-AY 1234"]).personal == (("LICENSE_PLATE", "B-AY 1234"),)


def test_the_longer_of_two_overlapping_findings_wins() -> None:
    class Names(Plates):
        def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list[Span]:
            return [Span("PERSON", 0, 5)]

    assert Scanner([Names()]).scan([MAIL]).personal == (("EMAIL_ADDRESS", MAIL),)


@pytest.mark.parametrize("piece", ["a.b-c_", "1 2-3 ", "Aa Bb ", "@a.", "DE89 ", "x at y dot "])
def test_scanning_time_grows_with_the_text_and_no_faster(scanner: Scanner, piece: str) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        scanner.scan([piece * (length // len(piece))])
        return time.process_time() - started

    # Quadratic rules would need 16 times as long. The best of five: a busy machine only ever adds to it.
    short, long = (min(seconds(length) for _ in range(5)) for length in (10_000, 40_000))
    assert long < 8 * short + 0.2

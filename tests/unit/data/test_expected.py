"""What a plan expects of a source is what an intake takes of it, and nothing that names a row is asked or kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from activities.data.expected import expected
from activities.data.verdicts import Question
from assay.contracts.data import Source
from assay.contracts.screening import IntakeKey

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
GERMAN = "Wie kann ich mein Passwort ändern, wenn ich es seit gestern nicht mehr weiß?"
ENGLISH = "How can I change my password when I have not known it since yesterday evening?"
FRENCH = "Comment puis-je changer mon mot de passe si je ne le connais plus depuis hier soir ?"
SPANISH = "¿Cómo puedo cambiar mi contraseña si desde ayer por la noche ya no la recuerdo?"


def wanted(facts: dict[str, Any]) -> str:
    """As the gate decides where German and English are wanted: what is too short to tell is for a person to judge."""
    return {"de": "accept", "en": "accept", "und": "quarantine"}.get(facts["language"], "refuse")


def question(desk: Any, source: Source) -> Question:
    key = IntakeKey(tenant="acme", dataset="support", version=1, purpose="train-tenant-model")
    return Question(desk.gate, key, source, None, desk.now)


def rows_of(row: MakeRow) -> list[dict[str, Any]]:
    texts = (GERMAN, ENGLISH, FRENCH, SPANISH, "Hm?", GERMAN)
    return [row(text, meta={"note": FRENCH}) for text in texts] + [row(f"{ENGLISH} Or before?", licence="Apache-2.0")]


def test_as_many_rows_are_expected_as_an_intake_takes_where_languages_are_wanted(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    desk.gate.action = wanted
    made = source(rows_of(row))
    counts = desk.screen(made).counts
    found = expected(question(desk, made))
    assert {one.licence: one.rows for one in found.groups} == {"MIT": 2, "MIT AND Apache-2.0": 1}
    assert sum(one.rows for one in found.groups) == counts.accepted == 3
    assert {one.code: one.count for one in found.left_out_by_code} == {
        "ROW_DUPLICATE": 1,
        "ROW_QUARANTINE": 1,
        "ROW_REFUSE": 2,
    }
    assert found.left_out == counts.read - counts.accepted == 4


def test_a_row_that_a_reviewer_released_is_expected(desk: Any, source: MakeSource, row: MakeRow) -> None:
    desk.gate.action = wanted
    made = source([row("Hm?"), row("Ah?"), row(GERMAN)])
    ids = [one["row_id"] for one in desk.ledger(desk.screen(made))]
    released = {ids[0]: frozenset({"ROW_QUARANTINE"}), ids[1]: frozenset({"ROW_OTHER"})}
    found = expected(question(desk, made), released)
    assert [one.rows for one in found.groups] == [2]
    assert [(one.code, one.count) for one in found.left_out_by_code] == [("ROW_QUARANTINE", 1)]


def test_the_gate_is_told_no_row_id(desk: Any, source: MakeSource, row: MakeRow) -> None:
    made = source(rows_of(row))
    ids = {one["row_id"] for one in desk.ledger(desk.screen(made))}
    desk.gate.asked.clear()
    expected(question(desk, made))
    asked = [one for facts in desk.gate.asked for one in facts["rows"]]
    assert [one["row_id"] for one in asked] == [str(number) for number in range(1, len(asked) + 1)]
    assert len(asked) > 1
    assert not [id_ for id_ in ids if id_.removeprefix("sha256:") in json.dumps(desk.gate.asked)]

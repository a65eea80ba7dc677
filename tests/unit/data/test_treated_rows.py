"""Wherever personal data stands in a row, the shard has it not; pseudonyms hold across rows, shards and sources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stdnum import iban, luhn

from activities.data.findings import Scanner
from activities.data.ledger import mention_hash
from activities.data.numbers import phone
from assay.contracts.data import Source
from assay.contracts.screening import IntakeKey

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
MAIL = "erika@example.org"
NAME = "Erika Mustermann"
CALL = {"id": "c-1", "type": "function", "function": {"name": "look_up", "arguments": {"city": "rainy"}}}


def said(role: str, content: str, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


def tool(description: str, **parameters: object) -> dict[str, object]:
    return {
        "type": "function",
        "function": {"name": "look_up", "description": description, "parameters": parameters},
    }


ONLY_THERE: dict[str, dict[str, object]] = {
    "the rejected answer": {"kind": "preference", "rejected": [said("assistant", f"Write to {MAIL}.")]},
    "a call of the rejected answer": {
        "kind": "preference",
        "rejected": [{**said("assistant", ""), "tool_calls": [json.loads(json.dumps(CALL).replace("rainy", MAIL))]}],
    },
    "the description of a tool": {"tools": [tool(f"Asks {MAIL} about the weather.")]},
    "a default of a tool": {"tools": [tool("Asks.", type="object", properties={"to": {"default": MAIL}})]},
    "the name of a parameter": {"tools": [tool("Asks.", type="object", properties={MAIL: {"type": "string"}})]},
    "the result of a tool": {
        "messages": [
            said("user", "How is the weather?"),
            {**said("assistant", ""), "tool_calls": [CALL]},
            said("tool", json.dumps({"by": MAIL, "weather": "rain"}), tool_call_id="c-1"),
            said("assistant", "It rains."),
        ]
    },
    "an argument of a call": {
        "messages": [
            said("user", "How is the weather?"),
            {**said("assistant", ""), "tool_calls": [json.loads(json.dumps(CALL).replace("rainy", MAIL))]},
            said("tool", "rain", tool_call_id="c-1"),
            said("assistant", "It rains."),
        ]
    },
    "the name of a speaker": {
        "messages": [said("user", "How is the weather?", name=MAIL), said("assistant", "It rains.")]
    },
}


@pytest.mark.parametrize("fields", ONLY_THERE.values(), ids=ONLY_THERE)
def test_what_stands_in_one_place_only_is_replaced_there(
    desk: Any, source: MakeSource, row: MakeRow, fields: dict[str, object]
) -> None:
    plain = row("How is the weather?", **fields)
    screened = desk.screen(source([plain]))
    [entry], [kept] = desk.ledger(screened), desk.rows(screened)
    assert (entry["outcome"], entry["findings"]) == ("redacted", ["pii:EMAIL_ADDRESS:1"])
    assert entry["mentions"] == [mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL)]
    texts = {name: kept[name] for name in ("messages", "tools", "rejected")}
    assert MAIL not in str(kept)
    assert [text.count("[EMAIL_ADDRESS_1]") for text in texts.values() if "EMAIL_ADDRESS" in text] == [1]
    whole = {"rejected": [], **plain}
    back = {name: json.loads(text.replace("[EMAIL_ADDRESS_1]", MAIL) or "[]") for name, text in texts.items()}
    assert all(_without_empty(back[name]) == _without_empty(whole[name]) for name in texts)


def _without_empty(value: Any) -> Any:
    """Fields that say nothing are left out of a shard."""
    if isinstance(value, dict):
        return {name: _without_empty(inner) for name, inner in value.items() if inner not in (None, "", [], {})}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def test_who_is_named_beside_a_row_is_in_the_ledger_and_not_in_the_shard(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    known, beside = row("zubri okafalu paid again", meta={"customer_name": "Zubri Okafalu"}), row("two", id="2")
    beside["meta"] = {"contact": MAIL}
    screened = desk.screen(source([known, beside]))
    entries, kept = desk.ledger(screened), desk.rows(screened)
    assert [entry["findings"] for entry in entries] == [["pii:PERSON:1"], ["pii:EMAIL_ADDRESS:1"]]
    assert entries[1]["mentions"] == [mention_hash(b"key", "acme", "EMAIL_ADDRESS", MAIL)]
    assert json.loads(kept[1]["messages"])[0]["content"] == "two"
    assert MAIL not in str(kept)


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [re.findall(r"My name is (.+?), ", row["messages"])[0] for row in rows]


def two_sources(source: MakeSource, row: MakeRow, folder: Path) -> tuple[Source, Source]:
    """The same person twice in the first and once in the second, somebody else in between."""
    first = source([row(f"My name is {NAME}, hello"), row("My name is Jean-Luc Schneider, hello"), row(_again(1))])
    (folder / "rows.jsonl").rename(folder / "first.jsonl")
    first = first.model_copy(update={"name": "first", "uri": str(folder / "first.jsonl")})
    return first, source([row(_again(2))], name="second", system="letters")


def _again(time: int) -> str:
    return f"My name is {NAME}, and this is what I asked for {time} weeks ago already"


def test_a_person_has_one_pseudonym_in_all_rows_shards_and_sources_and_another_with_another_tenant(
    desk: Any, source: MakeSource, row: MakeRow, tmp_path: Path
) -> None:
    desk.gate.treatments, desk.rows_a_shard = {"PERSON": "pseudonym"}, 1
    one, other = desk.screen_all(*two_sources(source, row, tmp_path))
    assert [shard.counts.read for shard in (*one.shards, *other.shards)] == [1, 1, 1, 1]
    first, somebody, again, elsewhere = names([*desk.rows(one), *desk.rows(other)])
    assert first == again == elsewhere
    assert len({first, somebody, NAME}) == 3
    foreign = replace(desk, key=IntakeKey(tenant="globex", dataset="support", version=1, purpose=desk.key.purpose))
    theirs = [
        name
        for screened in foreign.screen_all(*two_sources(source, row, tmp_path))
        for name in names(foreign.rows(screened))
    ]
    assert theirs[0] == theirs[2] == theirs[3]
    assert theirs[0] not in (first, NAME)


def test_an_invented_value_keeps_the_form_and_is_another_in_every_row(
    desk: Any, source: MakeSource, row: MakeRow
) -> None:
    kinds = ("IBAN_CODE", "CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "PERSON")
    desk.gate.treatments = dict.fromkeys(kinds, "synthetic")
    mine = {
        "account": "DE89 3704 0044 0532 0130 00",
        "card": "4111-1111-1111-1111",
        "phone": "+49 30 901820",
        "mail": MAIL,
        "customer_name": NAME,
    }
    asked = [row(f"{number} times I wrote {json.dumps(mine)}") for number in ("Three", "Four")]
    made = [
        json.loads(re.findall(r"\{.*\}", json.loads(kept["messages"])[0]["content"])[0])
        for kept in desk.rows(desk.screen(source(asked)))
    ]
    for values in made:
        assert not set(values.values()) & set(mine.values())
        assert iban.is_valid(values["account"], check_country=False)
        assert re.fullmatch(r"\d{4}-\d{4}-\d{4}-\d{4}", values["card"])
        assert luhn.is_valid(values["card"].replace("-", ""))
        assert phone(values["phone"])
        assert values["phone"].startswith("+49 ")
        assert [len(values["customer_name"].split()), values["customer_name"].istitle()] == [2, True]
        found = {kind for kind, _ in Scanner().scan(values).personal}
        assert {"IBAN_CODE", "PHONE_NUMBER", "EMAIL_ADDRESS"} <= found
    assert all(made[0][name] != made[1][name] for name in mine)

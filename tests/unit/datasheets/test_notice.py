"""Works whose licences ask for notice are named, with their rows; nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from activities.data.notice import notice
from assay.contracts.base import BasePin

from .house import House, entry, source

BASE = BasePin(repository="smol/base", revision="r1", digest="sha256:" + "b" * 64)
BOOKS = source("books", system="library\n2026", licence="CC-BY-SA-4.0")
FREE = source("free", licence="CC0-1.0")


def verdict(dataset: str, licence: str, rows: int, *asks: str) -> dict[str, Any]:
    return {"dataset": dataset, "expression": licence, "rows": rows, "chosen": [licence], "obligations": list(asks)}


def test_base_and_data_that_ask_for_notice_are_named_with_their_rows(house: House) -> None:
    rows = [*(entry(n) for n in range(3)), entry(3, BOOKS), entry(4, FREE)]
    dataset = house.seal(rows, (source(), BOOKS, FREE))
    document = {
        "licences": [
            verdict(dataset, "MIT", 3, "notice"),
            verdict(dataset, "CC-BY-SA-4.0", 1, "notice", "share-alike"),
            verdict(dataset, "CC0-1.0", 1),
        ],
        "base": {"chosen": ["Apache-2.0"], "obligations": ["notice"]},
    }
    text = notice(house.registry, "acme/helpdesk", BASE, document)
    assert text is not None
    assert "smol/base, revision r1\n    licence: Apache-2.0" in text
    assert "helpdesk, 3 rows (source tickets of dataset support/1)\n    licence: MIT" in text
    assert "library 2026, 1 rows (source books of dataset support/1)" in text
    assert "also asks for: share-alike" in text
    assert "free" not in text


def test_where_nothing_asks_there_is_no_notice(house: House) -> None:
    dataset = house.seal([entry(0, FREE)], (FREE,))
    document = {"licences": [verdict(dataset, "CC0-1.0", 1)], "base": {"chosen": [], "obligations": []}}
    assert notice(house.registry, "acme/helpdesk", BASE, document) is None


def test_a_gate_that_says_something_else_gives_no_notice(house: House) -> None:
    with pytest.raises(ValidationError):
        notice(house.registry, "acme/helpdesk", BASE, {"licences": ["MIT"]})

"""A row of the benchmark, and exactly where its personal data stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import JsonValue

Half = Literal["dev", "held-out"]
Evidence = Literal["cue", "form", "none"]
"""What tells that a value is personal: a word beside it, its own form (check digit, `@`, country code), or nothing."""
Path = tuple[str | int, ...]

FAMILIES: Final = {
    "name": ("NAME_FULL", "NAME_FIRST", "NAME_LOWER"),
    "address": ("STREET_ADDRESS",),
    "email": ("EMAIL_ADDRESS",),
    "phone": ("PHONE_NUMBER",),
    "birth date": ("DATE_OF_BIRTH",),
    "document": ("PASSPORT", "ID_CARD", "DRIVER_LICENCE"),
    "bank": ("IBAN_CODE", "BANK_ACCOUNT"),
    "card": ("CREDIT_CARD",),
    "national id": (
        "US_SSN",
        "UK_NINO",
        "DE_TAX_ID",
        "DE_SOCIAL",
        "FR_NIR",
        "FR_TAX_ID",
        "ES_NIF",
        "ES_NIE",
        "ES_SOCIAL",
    ),
    "health id": ("UK_NHS", "US_MBI", "DE_KVNR", "ES_HEALTH"),
    "vehicle": ("VIN", "LICENCE_PLATE"),
    "handle": ("USERNAME",),
    "location": ("COORDINATES", "RESIDENCE"),
    "network": ("IP_ADDRESS", "MAC_ADDRESS"),
}
FAMILY_OF: Final = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


@dataclass(frozen=True)
class Region:
    """Characters `start` to `end` of the string at `path`."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class Label:
    """One piece of personal data. `value` is what it says; an evasion's `regions` say it otherwise, or in pieces."""

    kind: str
    value: str
    evidence: Evidence
    regions: tuple[Region, ...]

    @property
    def family(self) -> str:
        """The line of the table that it belongs to."""
        return FAMILY_OF[self.kind]


@dataclass(frozen=True)
class Sample:
    """One row. Without labels it is a hard negative. `origin` is its template, or its kind of negative or evasion."""

    row: dict[str, JsonValue]
    labels: tuple[Label, ...]
    half: Half
    language: str
    place: str
    origin: str

    def surface(self, label: Label) -> str:
        """The label's characters as they stand in the row."""
        return "".join(str(at(self.row, region.path))[region.start : region.end] for region in label.regions)

    @property
    def characters(self) -> int:
        """Length of all strings of the row."""
        return sum(len(text) for _, text in strings(self.row))


def at(row: JsonValue, path: Path) -> JsonValue:
    """What stands at a path."""
    found: Any = row
    for step in path:
        found = found[step]
    return found  # type: ignore[no-any-return]


def strings(row: JsonValue, path: Path = ()) -> Iterable[tuple[Path, str]]:
    """Every string of a row with its path; names of fields are not among them."""
    if isinstance(row, str):
        yield path, row
    elif isinstance(row, dict):
        for key, value in row.items():
            yield from strings(value, (*path, key))
    elif isinstance(row, list):
        for number, value in enumerate(row):
            yield from strings(value, (*path, number))


def halved(items: Sequence[str]) -> dict[str, Half]:
    """Every second item in the order of their hashes, so that both halves have as many."""
    ordered = sorted(set(items), key=lambda item: hashlib.sha256(item.encode()).digest())
    return {item: ("dev" if number % 2 == 0 else "held-out") for number, item in enumerate(ordered)}

"""Rows with personal data: every template of every kind and language, in different places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.pii.numbers import Chance
from benchmarks.pii.places import FIELDS, TEXTS, drawn
from benchmarks.pii.sample import FAMILY_OF, Half, Label, Region, Sample, halved
from benchmarks.pii.values import LANGUAGES, evidence, value, words

REPEATS: Final = {"NAME_FULL": 5, "NAME_FIRST": 5, "NAME_LOWER": 5, "STREET_ADDRESS": 4}
_NEUTRAL: Final = ("note", "comment", "text", "reason")
_BLOCK_KINDS: Final = ("NAME_FULL", "STREET_ADDRESS", "EMAIL_ADDRESS", "PHONE_NUMBER", "DATE_OF_BIRTH", "IBAN_CODE")
_BLOCKS: Final = 15
"""Rows of several values, for each language and half."""


def positives(chance: Chance) -> Iterator[Sample]:
    """All of them."""
    for language in LANGUAGES:
        kinds = {kind: lists for kind, lists in words(language).items() if kind in FAMILY_OF}
        for kind, lists in kinds.items():
            for cued, name in ((True, "cued"), (False, "bare")):
                for template, half in halved(lists.get(name, ())).items():
                    for _ in range(REPEATS.get(kind, 4)):
                        yield _sentence(kind, language, half, template, chance, cued=cued)
            for key, half in halved(lists.get("key", ())).items():
                for _ in range(2):
                    yield _field(kind, language, half, key, chance)
        for half in ("dev", "held-out"):
            for _ in range(_BLOCKS):
                yield _block(language, half, chance)


def _sentence(kind: str, language: str, half: Half, template: str, chance: Chance, *, cued: bool) -> Sample:
    """A template, mostly with other sentences around it."""
    text = value(kind, language, half, chance)
    before, after = template.split("{}")
    lower = kind == "NAME_LOWER"
    around = [chance.choice(words(language)["filler"]) for _ in range(2)]
    lead = (around[0] + " ") * (chance.random() < 0.5)
    trail = (" " + around[1]) * (chance.random() < 0.4)
    lead, trail = (lead.lower(), trail.lower()) if lower else (lead, trail)
    place = drawn(("chat", "instruction", "preference", "long", "field"), (9, 3, 2, 2, 4), chance)
    whole = f"{lead}{before}{text}{after}{trail}"
    if place == "field":
        place = _field_place(text, chance)
        row, path, at = FIELDS[place](whole, chance.choice(_NEUTRAL), chance)
        at += _escapes(lead + before) if place == "serialised" else 0
    else:
        row, path, at = TEXTS[place](whole, language, chance)
    start = at + len(lead) + len(before)
    label = Label(kind, text, evidence(kind, text, cued=cued), (Region(path, start, start + len(text)),))
    return Sample(row, (label,), half, language, place, template)


def _field_place(text: str, chance: Chance) -> str:
    """A kind of field. In a string of JSON a value with a quotation mark would not stand as it is."""
    place = drawn(tuple(FIELDS), (2, 2, 1), chance)
    return "arguments" if '"' in text else place


def _escapes(text: str) -> int:
    """How many characters JSON adds to a text."""
    return sum(text.count(one) for one in '\n"\\')


def _field(kind: str, language: str, half: Half, key: str, chance: Chance) -> Sample:
    """A field that holds the value and nothing else; its name is the cue."""
    text = value(kind, language, half, chance)
    place = _field_place(text, chance)
    row, path, at = FIELDS[place](text, key, chance)
    label = Label(kind, text, "cue", (Region(path, at, at + len(text)),))
    return Sample(row, (label,), half, language, place, f"field {key}")


def _block(language: str, half: Half, chance: Chance) -> Sample:
    """Some cued lines under each other, as in a signature or a form."""
    lines, labels, at = [], [], 0
    for kind in chance.sample(_BLOCK_KINDS, chance.randint(2, 4)):
        mine = [t for t, where in halved(words(language)[kind]["cued"]).items() if where == half and "\n" not in t]
        before, after = chance.choice(mine).split("{}")
        text = value(kind, language, half, chance)
        start = at + len(before)
        labels.append((kind, text, start))
        lines.append(f"{before}{text}{after}")
        at += len(lines[-1]) + 1
    row, path, begins = TEXTS["chat"]("\n".join(lines), language, chance)
    found = (Label(k, t, "cue", (Region(path, begins + s, begins + s + len(t)),)) for k, t, s in labels)
    return Sample(row, tuple(found), half, language, "chat", "block")

"""Personal data written so that a plain reading misses it; people do this to get past filters, and so do converters.

Each row has a cue, so that what is measured is the disguise alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from benchmarks.pii.numbers import Chance
from benchmarks.pii.places import TEXTS, drawn
from benchmarks.pii.sample import Half, Label, Path, Region, Sample, halved
from benchmarks.pii.values import LANGUAGES, value, words

REPEATS: Final = 2
_NATIONAL: Final = {"en": "US_SSN", "de": "DE_TAX_ID", "fr": "FR_NIR", "es": "ES_NIF"}
_SPOKEN: Final = {
    "en": ((" at ", " dot "), (" (at) ", " (dot) "), ("[at]", "[dot]"), (" AT ", " DOT ")),
    "de": ((" at ", " punkt "), (" (ät) ", " (Punkt) "), ("[at]", "[dot]"), (" (at) ", ".")),
    "fr": ((" arobase ", " point "), (" (at) ", " (point) "), ("[at]", "[dot]"), (" chez ", " point ")),
    "es": ((" arroba ", " punto "), (" (arroba) ", " (punto) "), ("[at]", "[dot]"), (" (at) ", ".")),
}
_ALIKE: Final = str.maketrans("aeopcxiyABEHKMOPCTX", "аеорсхіуАВЕНКМОРСТХ")  # noqa: RUF001  # Cyrillic, on purpose
_ZERO: Final = "\u200b\u200c\u200d\u2060\ufeff"
_CONTROLS: Final = "\x00\x01\x02\x08\x0b\x1f\x7f\u00ad"


@dataclass(frozen=True)
class Plain:
    """What is to be hidden."""

    kind: str
    text: str
    before: str
    after: str
    language: str


Hidden = tuple[dict[str, JsonValue], tuple[Region, ...], str]
"""The row, where the value is in it, and the name of the place."""


def evasions(chance: Chance) -> Iterator[Sample]:
    """Every technique with every kind that it can hide, in four languages."""
    for technique, (kinds, hide) in TECHNIQUES.items():
        for language in LANGUAGES:
            for kind in (_NATIONAL[language] if name == "NATIONAL" else name for name in kinds):
                for half in ("dev", "held-out"):
                    for _ in range(REPEATS):
                        plain = _plain(kind, language, half, chance)
                        row, regions, place = hide(plain, chance)
                        label = Label(kind, plain.text, "cue", regions)
                        yield Sample(row, (label,), half, language, place, technique)


def _plain(kind: str, language: str, half: Half, chance: Chance) -> Plain:
    templates = words(language)[kind]["cued"]
    mine = [template for template, where in halved(templates).items() if where == half]
    before, after = chance.choice(mine).split("{}")
    return Plain(kind, value(kind, language, half, chance), before, after, language)


def _written(plain: Plain, surface: str, chance: Chance) -> Hidden:
    place = drawn(("chat", "instruction", "preference"), (3, 1, 1), chance)
    row, path, at = TEXTS[place](f"{plain.before}{surface}{plain.after}", plain.language, chance)
    start = at + len(plain.before)
    return row, (Region(path, start, start + len(surface)),), place


def _full_width(plain: Plain, chance: Chance) -> Hidden:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in plain.text)
    return _written(plain, wide, chance)


def _between(marks: str, share: float) -> Callable[[Plain, Chance], Hidden]:
    def hide(plain: Plain, chance: Chance) -> Hidden:
        inner = [c + (chance.choice(marks) if chance.random() < share else "") for c in plain.text[:-1]]
        inner[len(inner) // 2] += chance.choice(marks)
        return _written(plain, "".join(inner) + plain.text[-1], chance)

    return hide


def _alike(plain: Plain, chance: Chance) -> Hidden:
    text = "".join(c.translate(_ALIKE) if chance.random() < 0.6 else c for c in plain.text)
    return _written(plain, text if text != plain.text else plain.text.translate(_ALIKE), chance)


def _styled(plain: Plain, chance: Chance) -> Hidden:
    """Mathematical bold: letters that are alike, and are no letters of the alphabet."""

    def bold(c: str) -> str:
        for first, last, to in (("a", "z", 0x1D41A), ("A", "Z", 0x1D400), ("0", "9", 0x1D7CE)):
            if first <= c <= last:
                return chr(to + ord(c) - ord(first))
        return c

    return _written(plain, "".join(map(bold, plain.text)), chance)


def _spoken(plain: Plain, chance: Chance) -> Hidden:
    at, dot = chance.choice(_SPOKEN[plain.language])
    return _written(plain, plain.text.replace("@", at).replace(".", dot), chance)


def _lines(plain: Plain, chance: Chance) -> Hidden:
    middle = len(plain.text) // 2
    return _written(
        plain, f"{plain.text[:middle]}{chance.choice((chr(10), chr(13) + chr(10)))}{plain.text[middle:]}", chance
    )


def _fields(plain: Plain, chance: Chance) -> Hidden:
    """One field for each part, named in a row; the parts of an address stand before and after its `@`."""
    if plain.kind == "EMAIL_ADDRESS":
        user, domain = plain.text.split("@")
        parts, names = [user, f"@{domain}"], ["email_user", "email_domain"]
    else:
        parts = [plain.text[at : at + 4] for at in range(0, len(plain.text), 4)]
        names = [f"{words(plain.language)[plain.kind]['key'][0]}_{number + 1}" for number in range(len(parts))]
    inner: JsonValue = dict(zip(names, parts, strict=True)) if chance.random() < 0.5 else list(parts)
    key = names[0].rsplit("_", 1)[0]
    row: dict[str, JsonValue] = {"prompt": "Go ahead.", "completion": "Done.", "metadata": {key: inner}}
    steps: list[str | int] = list(names) if isinstance(inner, dict) else list(range(len(parts)))
    return row, tuple(_whole(("metadata", key, s), p) for s, p in zip(steps, parts, strict=True)), "metadata"


def _whole(path: Path, text: str) -> Region:
    return Region(path, 0, len(text))


def _padding(plain: Plain, chance: Chance) -> Hidden:
    pad = chance.choice((" ", "\t", ".", "_", "-")) * chance.choice((80, 400, 3000))
    if chance.random() < 0.5:
        return _written(
            Plain(plain.kind, plain.text, f"{plain.before}{pad} ", plain.after, plain.language), plain.text, chance
        )
    before = f"{'lorem ' * chance.choice((500, 4000))}{plain.before}"
    return _written(Plain(plain.kind, plain.text, before, plain.after, plain.language), plain.text, chance)


def _base64(plain: Plain, chance: Chance) -> Hidden:
    whole = plain.text if chance.random() < 0.4 else f"{plain.before}{plain.text}{plain.after}"
    surface = base64.b64encode(whole.encode()).decode()
    return _written(Plain(plain.kind, plain.text, "data: ", "", plain.language), surface, chance)


def _spaced(plain: Plain, chance: Chance) -> Hidden:
    tight = "".join(c for c in plain.text if c not in " -./()")
    return _written(plain, chance.choice((" ", " ", "-", ".")).join(tight), chance)


_ALL: Final = ("EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "NATIONAL")
_NUMBERS: Final = ("IBAN_CODE", "CREDIT_CARD", "NATIONAL", "PHONE_NUMBER")
TECHNIQUES: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Plain, Chance], Hidden]]]] = {
    "full width": ((*_ALL, "PHONE_NUMBER"), _full_width),
    "zero width": ((*_ALL, "PHONE_NUMBER", "NAME_FULL"), _between(_ZERO, 0.3)),
    "look-alikes": (("EMAIL_ADDRESS", "STREET_ADDRESS", "NAME_FULL"), _alike),
    "styled letters": ((*_ALL, "NAME_FULL"), _styled),
    "at and dot": (("EMAIL_ADDRESS", "EMAIL_ADDRESS"), _spoken),
    "split over lines": (("IBAN_CODE", "CREDIT_CARD", "PHONE_NUMBER"), _lines),
    "split over fields": (("EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD"), _fields),
    "long padding": ((*_ALL, "DATE_OF_BIRTH", "PHONE_NUMBER"), _padding),
    "control characters": ((*_ALL, "PHONE_NUMBER"), _between(_CONTROLS, 0.15)),
    "base64": ((*_ALL, "PHONE_NUMBER"), _base64),
    "spaced digits": (_NUMBERS, _spaced),
}

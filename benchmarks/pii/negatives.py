"""Hard negatives: rows without personal data that look as if they held some."""

from __future__ import annotations

import hashlib
import re
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from stdnum import ean, isbn

from benchmarks.pii.numbers import Chance, digits, grouped, letters
from benchmarks.pii.places import FIELDS, TEXTS, drawn
from benchmarks.pii.prose import paragraphs
from benchmarks.pii.sample import Sample, halved
from benchmarks.pii.values import WORDS, words

REPEATS: Final = 3
PARAGRAPHS: Final = 260
_SLOT: Final = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
_KEYS: Final = ("note", "sku", "revision", "reference", "checksum", "value")
_MONTHS: Final = words("en")["months"]


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads((WORDS / "negatives.toml").read_text("utf-8"))


def negatives(chance: Chance) -> Iterator[Sample]:
    """All of them: the templates, then documentation as it stands."""
    for category, languages in _lists().items():
        for language, templates in languages.items() if category != "lists" else ():
            for template, half in halved(templates).items():
                for _ in range(30 if category == "metadata" else REPEATS if "{" in template else 1):
                    text = filled(template, chance)
                    place = drawn(("chat", "instruction", "long", "metadata", "arguments"), (7, 3, 1, 2, 2), chance)
                    if place in FIELDS:
                        row, _, _ = FIELDS[place](text, chance.choice(_KEYS), chance)
                    else:
                        row, _, _ = TEXTS[place](text, language, chance)
                    yield Sample(row, (), half, language, place, category)
    prose = paragraphs()
    for text, half in halved(prose[:: max(1, len(prose) // PARAGRAPHS)]).items():
        place = drawn(("chat", "instruction"), (1, 1), chance)
        yield Sample(TEXTS[place](text, "en", chance)[0], (), half, "en", place, "documentation")


def filled(template: str, chance: Chance) -> str:
    """A template with its values."""
    text = _SLOT.sub(lambda slot: _made(slot[1], chance), template)
    return text.replace("{{", "{").replace("}}", "}")


def _made(name: str, chance: Chance) -> str:
    if maker := _MAKERS.get(name):
        return maker(chance)
    return str(chance.choice(_lists()["lists"][{"figure": "figures", "brand": "brands"}.get(name, name)]))


def _isbn(chance: Chance) -> str:
    body = "978" + chance.choice(("0", "3", "2", "84")) + digits(chance, 9)
    whole = body[:12] + ean.calc_check_digit(body[:12])
    return isbn.format(whole) if chance.random() < 0.5 else whole


def _isbn10(chance: Chance) -> str:
    body = chance.choice("0123") + digits(chance, 8)
    check = sum((number + 1) * int(digit) for number, digit in enumerate(body)) % 11
    return f"{body}{'X' if check == 10 else check}"


def _clock(chance: Chance) -> str:
    return f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"


def _date(chance: Chance, form: str) -> str:
    return form.format(d=chance.randint(1, 28), m=chance.randint(1, 12), y=chance.randint(1990, 2026))


def _hex(chance: Chance, length: int) -> str:
    return hashlib.sha256(digits(chance, 20).encode()).hexdigest()[:length]


def _numbers(chance: Chance, count: int) -> str:
    return "[" + ", ".join(f"{chance.uniform(-90, 90):.{chance.randint(2, 6)}f}" for _ in range(count)) + "]"


def _article(chance: Chance) -> str:
    return chance.choice(
        (
            f"{digits(chance, 3)}.{digits(chance, 3)}.{digits(chance, 2)}",
            f"0{digits(chance, 3)} {digits(chance, 3)} {digits(chance, 3)}",
            f"{digits(chance, 4)}-{digits(chance, 5)}",
            f"0{digits(chance, 4)}/{digits(chance, 5)}",
            digits(chance, 8),
            grouped(digits(chance, 10), 2, 3, 3, 2),
        )
    )


_MAKERS: Final[Mapping[str, Callable[[Chance], str]]] = {
    "isbn13": _isbn,
    "isbn10": _isbn10,
    "version": lambda c: (
        f"{c.randint(0, 24)}.{c.randint(0, 40)}.{c.randint(0, 99)}" + c.choice(("", "", "rc1", f".{c.randint(1, 255)}"))
    ),
    "timestamp": lambda c: (
        f"{_date(c, '{y}-{m:02}-{d:02}')}{c.choice('T ')}{_clock(c)}{c.choice(('', 'Z', '.' + digits(c, 6), '+02:00'))}"
    ),
    "epoch": lambda c: str(c.randint(1_400_000_000, 1_790_000_000)) + c.choice(("", digits(c, 3))),
    "date": lambda c: _date(c, "{y}-{m:02}-{d:02}"),
    "oldday": lambda c: f"{c.randint(1, 28)} {c.choice(_MONTHS)} {c.randint(1600, 1950)}",
    "germandate": lambda c: _date(c, "{d:02}.{m:02}.{y}"),
    "frenchdate": lambda c: _date(c, "{d:02}/{m:02}/{y}"),
    "year": lambda c: str(c.randint(1700, 2025)),
    "part": lambda c: c.choice(
        (
            f"{letters(c, 2)}-{digits(c, 4)}-{letters(c, 1)}{digits(c, 2)}",
            f"{digits(c, 3)}-{digits(c, 4)}-{digits(c, 2)}",
            letters(c, 3) + digits(c, 6),
            f"{digits(c, 2)}-{digits(c, 5)}-{digits(c, 3)}",
        )
    ),
    "sku": lambda c: c.choice(
        (digits(c, 8), digits(c, 12), f"{letters(c, 3)}{digits(c, 7)}", f"{digits(c, 4)} {digits(c, 4)} {digits(c, 4)}")
    ),
    "article": _article,
    "ean": lambda c: (b := "40" + digits(c, 10)) + ean.calc_check_digit(b),
    "pairs": lambda c: "[" + ", ".join(_numbers(c, 2) for _ in range(c.randint(2, 4))) + "]",
    "decimals": lambda c: _numbers(c, c.randint(3, 6)),
    "decimal": lambda c: f"{c.uniform(0, 99):.3f}",
    "sha256": lambda c: _hex(c, 64),
    "sha1": lambda c: _hex(c, 40),
    "md5": lambda c: _hex(c, 32),
    "short": lambda c: _hex(c, 9),
    "uuid": lambda c: str(uuid.UUID(int=c.getrandbits(128), version=4)),
    "order": lambda c: c.choice(
        (
            digits(c, 9),
            digits(c, 12),
            f"{digits(c, 3)}-{digits(c, 7)}-{digits(c, 7)}",
            f"#{digits(c, 6)}",
            f"SO{digits(c, 8)}",
        )
    ),
    "ticket": lambda c: c.choice((f"INC{digits(c, 7)}", f"{letters(c, 3)}-{digits(c, 4)}", digits(c, 8))),
    "invoice": lambda c: c.choice(
        (f"{c.randint(2015, 2026)}-{digits(c, 5)}", f"RE{digits(c, 9)}", f"{digits(c, 4)}/{digits(c, 4)}")
    ),
    "tracking": lambda c: c.choice((f"1Z{letters(c, 3)}{digits(c, 13)}", digits(c, 12), digits(c, 20))),
    "small": lambda c: str(c.randint(2, 64)),
    "number": lambda c: str(c.randint(100, 99_999)),
    "port": lambda c: str(c.randint(3000, 9999)),
    "money": lambda c: f"{c.randint(1, 999)}{c.choice(('.', ','))}{digits(c, 2)}",
    "meta": lambda c: (
        f"build={digits(c, 6)} rev={_hex(c, 8)} shard={c.randint(0, 9)} lr={c.uniform(0, 1):.5f} step={digits(c, 5)}"
    ),
}

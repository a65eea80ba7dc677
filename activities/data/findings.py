"""Everything found in a row: what it is, how many different ones, and the texts themselves for redaction."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from activities.data.credentials import credentials
from activities.data.kinds.gate import passed
from activities.data.personal import Recogniser, Span
from activities.data.rules import RULES
from activities.data.text import normalised, strings

Category = Literal["pii", "secret", "toxicity", "licence", "injection", "language", "near-duplicate", "contamination"]
ENTRY_POINTS: Final = "assay.recognisers"
LONGEST_CACHED: Final = 4096
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
ENCODED: Final = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{20,4096}={0,2}(?![\w+/=])")


class Finding(BaseModel):
    """How many different values of one kind a row holds. The values themselves stay here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Category
    kind: str
    count: int


@dataclass(frozen=True)
class RowFindings:
    """`personal` is (kind, text) in order of appearance; `summary` is what policy is told."""

    personal: tuple[tuple[str, str], ...]
    summary: tuple[Finding, ...]


class Scanner:
    """Finds personal data and credentials in rows. Safe to share between threads."""

    def __init__(self, recognisers: Iterable[Recogniser] = ()) -> None:
        self._recognisers: Sequence[Recogniser] = tuple(recognisers)
        self._cached = functools.lru_cache(8192)(self._found)

    @classmethod
    def installed(cls) -> Scanner:
        """With every recogniser that installed packages offer: an entry point names a callable that makes one."""
        return cls(point.load()() for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: p.name))

    def scan(self, row: JsonValue) -> RowFindings:
        """What stands in any string of a row, names of fields and long integers included."""
        personal: dict[tuple[str, str], None] = {}
        secrets: set[tuple[str, str]] = set()
        for key, text in strings(row):
            clean = normalised(text)
            secrets |= credentials(clean)
            personal.update(dict.fromkeys((s.entity_type, clean[s.start : s.end]) for s in self.spans(clean, key)))
        return RowFindings(tuple(personal), _summary(personal, secrets))

    def scan_many(self, rows: Sequence[JsonValue]) -> list[RowFindings]:
        """`scan` of each row, in order; what has to be asked of a model is asked for all rows at once."""
        return [self.scan(row) for row in rows]

    def spans(self, text: str, key: str = "") -> tuple[Span, ...]:
        """Personal data in one normalised text that stands under `key`; no two overlap, the longer one wins."""
        return self._cached(text, key) if len(text) <= LONGEST_CACHED else self._found(text, key)

    def _found(self, text: str, key: str) -> tuple[Span, ...]:
        # The key is read as words before the value: {"phone": "030 901820"} has its cue there.
        lead = f"{_words(key)}: " if key else ""
        spans = [Span(s.entity_type, s.start - len(lead), s.end - len(lead), s.weight) for s in self._recognised(lead + text)]
        return _apart([*(s for s in spans if s.start >= 0), *self._encoded(text)])

    def _recognised(self, text: str) -> list[Span]:
        through = passed(text)
        spans = [span for rule in RULES for span in rule.spans(text, through)]
        for recogniser in self._recognisers:
            spans += (Span(found.entity_type, found.start, found.end) for found in recogniser.analyze(text, []))
        return spans

    def _encoded(self, text: str) -> list[Span]:
        """Base64 that holds personal data counts as that data, whole."""
        return [
            Span(inner.entity_type, *match.span())
            for match in ENCODED.finditer(text)
            if (decoded := _decoded(match[0]))
            for inner in self._recognised(normalised(decoded))[:1]
        ]


@functools.lru_cache(4096)
def _words(key: str) -> str:
    """The name of a field as words: `customerName` is a customer name."""
    return _HUMP.sub(" ", key).replace("_", " ")


def _decoded(token: str) -> str | None:
    try:
        padded = token.rstrip("=") + "=" * (-len(token.rstrip("=")) % 4)
        text = base64.b64decode(padded, altchars=b"-_" if set(token) & set("-_") else None, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text if text.isprintable() else None


def _apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.weight, s.start - s.end, s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return tuple(sorted(kept, key=lambda s: s.start))


def _summary(personal: Iterable[tuple[str, str]], secrets: Iterable[tuple[str, str]]) -> tuple[Finding, ...]:
    # One value written in two ways is one value.
    distinct = {(kind, "".join(filter(str.isalnum, text)).casefold()) for kind, text in personal}
    return (*_counted("pii", distinct), *_counted("secret", set(secrets)))


def _counted(category: Category, values: set[tuple[str, str]]) -> tuple[Finding, ...]:
    counts = Counter(kind for kind, _ in values)
    return tuple(Finding(category=category, kind=kind, count=counts[kind]) for kind in sorted(counts))

"""Everything found in a row: what it is, how many different ones, and the texts themselves for redaction."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from activities.data.credentials import credentials
from activities.data.hidden import decoded, pieces
from activities.data.kinds.gate import passed
from activities.data.kinds.model import NameModel
from activities.data.kinds.names import Names, judged, names
from activities.data.normal_form import normal_form
from activities.data.personal import Recogniser, Span
from activities.data.rules import found, whole_value
from activities.data.text import normalised, strings

Category = Literal["pii", "secret", "toxicity", "licence", "injection", "language", "near-duplicate", "contamination"]
ENTRY_POINTS: Final = "assay.recognisers"
LONGEST_CACHED: Final = 4096
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Finding(BaseModel):
    """How many different values of one kind a row holds. The values themselves stay here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Category
    kind: str
    count: int


@dataclass(frozen=True)
class RowFindings:
    """`personal` is (kind, text) in order of appearance; `summary` is what policy is told.

    `pieces` are the strings that a value was split over, each with the value that it is a part of. `says` has what
    each text of `personal` says, the value inside for one that is encoded; left out, they are what they say.
    """

    personal: tuple[tuple[str, str], ...]
    summary: tuple[Finding, ...]
    pieces: tuple[tuple[str, tuple[str, str]], ...] = ()
    says: tuple[str, ...] = ()

    @property
    def spoken(self) -> tuple[tuple[str, str, str], ...]:
        """(kind, text, what it says) in order of appearance."""
        said = self.says or [text for _, text in self.personal]
        return tuple((*one, says) for one, says in zip(self.personal, said, strict=True))


@dataclass(frozen=True)
class _Read:
    """A text after all stages but the model's."""

    spans: tuple[Span, ...]
    names: Names


class Scanner:
    """Finds personal data and credentials in rows. Safe to share between threads; pickles without what it remembers.

    `thorough` asks the model for names about more of a text: slower, and it finds more.
    """

    def __init__(self, recognisers: Iterable[Recogniser] = (), *, thorough: bool = False) -> None:
        self._recognisers: Sequence[Recogniser] = tuple(recognisers)
        self._thorough = thorough
        self._model = NameModel()
        self._cached = functools.lru_cache(8192)(self._found)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self._recognisers, self._thorough)

    @classmethod
    def installed(cls, *, thorough: bool = False) -> Scanner:
        """With every recogniser that installed packages offer: an entry point names a callable that makes one."""
        points = sorted(entry_points(group=ENTRY_POINTS), key=lambda p: p.name)
        return cls((point.load()() for point in points), thorough=thorough)

    def scan(self, row: JsonValue) -> RowFindings:
        """What stands in any string of a row, names of fields and long integers included.

        Raises NotFound (`NAME_MODEL_MISSING`) and IntegrityRefused (`NAME_MODEL_CHANGED`).
        """
        personal: dict[tuple[str, str, str], None] = {}
        secrets: set[tuple[str, str]] = set()
        for key, text in strings(row):
            clean = normalised(text)
            secrets |= credentials(clean)
            for span in self.spans(clean, key):
                personal.update(dict.fromkeys(_spoken(clean, span)))
        pieces_ = {}
        for parts, whole, span in self._split(row):
            pieces_.update(dict.fromkeys(parts, (span.entity_type, whole)))
            personal.update(dict.fromkeys((kind, whole, says) for kind, _, says in _spoken(whole, span)))
        return RowFindings(
            tuple((kind, text) for kind, text, _ in personal),
            _summary(personal, secrets),
            tuple(pieces_.items()),
            tuple(says for *_, says in personal),
        )

    def scan_many(self, rows: Sequence[JsonValue]) -> list[RowFindings]:
        """`scan` of each row, in order."""
        return [self.scan(row) for row in rows]

    def spans(self, text: str, key: str = "") -> tuple[Span, ...]:
        """Personal data in one normalised text that stands under `key`; no two overlap, the longer one wins."""
        return self._cached(text, key) if len(text) <= LONGEST_CACHED else self._found(text, key)

    def _found(self, text: str, key: str) -> tuple[Span, ...]:
        read = self._read(text, key)
        asked = (judged(text, window, self._model.names(window.text), self._thorough) for window in read.names.windows)
        people = [*read.names.certain, *filter(None, asked)]
        return _apart([*read.spans, *people]) if people else read.spans

    def _read(self, text: str, key: str) -> _Read:
        # The key is read as words before the value: {"phone": "030 901820"} has its cue there.
        lead = f"{_words(key)}: " if key else ""
        # A line's end inside JSON inside a string is two signs, of which one would stick to the next word.
        seen = text.replace("\\n", "  ").replace("\\t", "  ") if "\\" in text else text
        spans, people = self._recognised(lead + seen)
        back = len(lead)
        spans = [Span(s.entity_type, s.start - back, s.end - back, s.weight) for s in spans if s.start >= back]
        spans = list(_apart([*spans, *self._encoded(text)]))
        return _Read(tuple(spans), people.moved(-back))

    def _recognised(self, text: str) -> tuple[list[Span], Names]:
        through = passed(text)
        spans = found(text, through)
        for recogniser in self._recognisers:
            spans += (Span(one.entity_type, one.start, one.end, 2) for one in recogniser.analyze(text, []))
        taken = [(span.start, span.end) for span in spans if span.weight > 1]
        return spans, names(text, through, taken, self._thorough)

    def _encoded(self, text: str) -> list[Span]:
        """Base64 that holds personal data counts as that data, whole; the strongest gives it its kind."""
        spans_ = []
        for match, inner in decoded(text):
            clean = normalised(inner)
            spans, people = self._recognised(clean)
            inside = sorted(_apart([*spans, *people.certain]), key=lambda s: -s.weight) or whole_value(clean)
            if inside:
                says = tuple((one.entity_type, clean[one.start : one.end]) for one in inside)
                spans_.append(Span(inside[0].entity_type, *match.span(), 5, says))
        return spans_

    def _split(self, row: JsonValue) -> Iterator[tuple[list[str], str, Span]]:
        """(pieces, all of them as one text, the value in that) of values in several strings of one object or list."""
        for key, parts in pieces(row):
            clean = [normalised(part) for part in parts]
            whole = "".join(clean)
            for span in self._read(whole, key).spans:
                if span.weight > 2 and span.end - span.start > 0.8 * len(whole) and not self._in_one(clean, span):
                    yield clean, whole, span

    def _in_one(self, parts: Sequence[str], whole: Span) -> bool:
        """Whether one piece holds by itself what was found in all: then its neighbours are no part of it."""
        return any(span.entity_type == whole.entity_type for part in parts for span in self.spans(part))


def _spoken(text: str, span: Span) -> Iterator[tuple[str, str, str]]:
    """(kind, text, what it says) of a span: several for what is encoded."""
    value = text[span.start : span.end]
    for kind, says in span.says or ((span.entity_type, value),):
        yield kind, value, says


def _again(recognisers: Sequence[Recogniser], thorough: bool) -> Scanner:
    return Scanner(recognisers, thorough=thorough)


@functools.lru_cache(4096)
def _words(key: str) -> str:
    """The name of a field as words: `customerName` is a customer name."""
    return _HUMP.sub(" ", key).replace("_", " ")


def _apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.weight, s.start - s.end, s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return tuple(sorted(kept, key=lambda s: s.start))


def _summary(personal: Iterable[tuple[str, str, str]], secrets: Iterable[tuple[str, str]]) -> tuple[Finding, ...]:
    # One value written in two ways is one value.
    distinct = {(kind, normal_form(kind, says)) for kind, _, says in personal}
    return (*_counted("pii", distinct), *_counted("secret", set(secrets)))


def _counted(category: Category, values: set[tuple[str, str]]) -> tuple[Finding, ...]:
    counts = Counter(kind for kind, _ in values)
    return tuple(Finding(category=category, kind=kind, count=counts[kind]) for kind in sorted(counts))

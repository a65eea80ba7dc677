"""What a recogniser of personal data is, and what a rule is: a candidate by pattern, kept when something agrees.

Kinds are Microsoft Presidio's names. A recogniser is anything with the `analyze` of Presidio's `EntityRecognizer`, so
Presidio's own and a user's fit in beside `rules`; entry points of the group `assay.recognisers` are added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from activities.data.kinds.gate import Passed

REACH: Final = 48
"""Characters after a cue in which its value begins; a run of padding between them counts as one."""
BACK: Final = 56
"""Characters before a cue in which its value stands, for rules that look `behind` it."""
LONGEST: Final = 64
"""Characters of a value after a cue."""
UNLESS: Final = 28
"""Characters before a form in which a rule looks for what rules it out."""
_PADDING: Final = re.compile(r"(?P<by>[\s._\-])(?P=by){11}")
_NO_PADDING: Final = re.compile(r"[^\s._\-]")
OTHER_THING: Final = re.compile(
    r"\b(?:order|ticket|invoice|article|item|part|serial|batch|version|release|build|commit|isbn|issn|doi|sku|ref|case"
    r"|tracking|shipment|parcel|port|error|code|room|page|line|chapter|section|model|product|bestell\w*"
    r"|auftrag\w*|artikel\w*"
    r"|rechnung\w*|vorgang\w*|sendung\w*|paket\w*|seriennummer|teilenummer|zimmer|seite|commande|facture"
    r"|article|produit|colis|suivi"
    r"|dossier|r[ée]f[ée]rence|pedido|factura|art[ií]culo|producto|env[ií]o|seguimiento|referencia|expediente"
    r"|albar[aá]n|versi[oó]n)"
    r"(?:[ _-]?(?:number|no|nr|id|nummer|num[ée]ro|n[uú]mero|code))?\b",
    re.IGNORECASE,
)
"""Words that say a number is of something else."""


class Found(Protocol):
    """What Presidio's `RecognizerResult` has: a kind and where it stands."""

    @property
    def entity_type(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class Recogniser(Protocol):
    """Presidio's `EntityRecognizer`, as far as it is used. `nlp_artifacts` is always None: no spaCy model runs."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> Sequence[Found]:  # noqa: ANN401
        """Spans of personal data in `text`; `entities` empty means all kinds that it knows."""
        ...


@dataclass(frozen=True)
class Span:
    """A piece of text and what it is. `weight` decides between two that overlap, before their lengths.

    `says` are the (kind, value) that it says, where they do not stand there as such: they are encoded.
    """

    entity_type: str
    start: int
    end: int
    weight: int = 0
    says: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rule:
    """One kind of personal data, one way to find it.

    `pattern` finds candidates: its group `value`, else all of it. `cut` says how many leading characters of a candidate
    are real, 0 for none. It is looked for in the whole text where `form` may be, or beside each cue of `cue`: within
    `REACH` after it, and before it if `behind`. `strict` leaves out what another word claims (an order, a version).
    """

    entity_type: str
    pattern: re.Pattern[str]
    cut: Callable[[str], int] = len
    cue: str = ""
    form: str = ""
    behind: bool = False
    strict: bool = True
    weight: int = 1
    reach: int = REACH
    unless: re.Pattern[str] | None = None
    """Words within `UNLESS` characters before a form that say it is something else."""
    anchored: bool = False
    """The value's pattern must match right behind the cue."""

    def spans(self, text: str, passed: Passed) -> Iterator[Span]:
        """What the rule finds."""
        if self.cue:
            if self.form and self.form not in passed.forms:
                return
            for end in passed.cues.get(self.cue, ()):
                yield from self._beside(text, end)
        elif self.form in passed.forms:
            yield from self._everywhere(text)

    def _everywhere(self, text: str) -> Iterator[Span]:
        at = 0
        while match := self.pattern.search(text, at):
            span = self._kept(match, text)
            if span and not (self.unless and self.unless.search(text, max(0, span.start - UNLESS), span.start)):
                yield span
            # What is no value may still hold the beginning of one.
            at = match.end() if span else match.start() + 1

    def _beside(self, text: str, end: int) -> Iterator[Span]:
        begin = max(end - 1, 0)
        if (
            (span := self._after(text, begin))
            or (
                (padding := _PADDING.search(text, begin, begin + self.reach + 13))
                and (span := self._after(text, _end_of(padding, text) - 1))
            )
            or (self.behind and (span := self._before(text, begin)))
        ):
            yield span

    def _after(self, text: str, begin: int) -> Span | None:
        if self.anchored:
            match = self.pattern.match(text, begin)
            return self._kept(match, text) if match else None
        for match in self.pattern.finditer(text, begin, begin + self.reach + LONGEST):
            start = match.start("value" if "value" in self.pattern.groupindex else 0)
            if start - begin > self.reach or "\n\n" in text[begin:start]:
                break
            if (span := self._kept(match, text)) and not (self.strict and OTHER_THING.search(text, begin, start)):
                return span
        return None

    def _before(self, text: str, begin: int) -> Span | None:
        last = None
        for match in self.pattern.finditer(text, max(0, begin - BACK), begin):
            if span := self._kept(match, text):
                last = span
        if last is None or "\n" in text[last.end : begin] or ". " in text[last.end : begin]:
            return None
        return None if OTHER_THING.search(text, max(0, last.start - 16), last.start) else last

    def _kept(self, match: re.Match[str], text: str) -> Span | None:
        start, end = match.span("value" if "value" in self.pattern.groupindex else 0)
        kept = self.cut(text[start:end])
        return Span(self.entity_type, start, start + kept, self.weight) if kept else None


def _end_of(padding: re.Match[str], text: str) -> int:
    match = _NO_PADDING.search(text, padding.end())
    return match.start() if match else len(text)

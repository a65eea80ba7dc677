"""Personal data in one text: candidates by pattern, kept only when a checksum, a numbering plan or a cue word agrees.

Kinds are Microsoft Presidio's names. A recogniser is anything with the `analyze` of Presidio's `EntityRecognizer`, so
Presidio's own and a user's fit in beside `rules`; entry points of the group `assay.recognisers` are added.

Not covered: names without a cue (title, "my name is", a field such as `customer_name`), lower-case and single names,
birth dates, passports and national numbers without a cue word, plates, user names, pictures, speech. How much that is:
the measured table of docs/data.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

CUE_WINDOW: Final = 40
"""Characters before a candidate in which a cue word is looked for."""


class Found(Protocol):
    """What Presidio's `RecognizerResult` has: a kind and where it stands."""

    @property
    def entity_type(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class Recogniser(Protocol):
    """Presidio's `EntityRecognizer`, as far as it is used. `nlp_artifacts` is always None: no language model runs."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> Sequence[Found]:  # noqa: ANN401
        """Spans of personal data in `text`; `entities` empty means all kinds that it knows."""
        ...


@dataclass(frozen=True)
class Span:
    """A piece of text and what it is."""

    entity_type: str
    start: int
    end: int


@dataclass(frozen=True)
class Rule:
    """One kind of personal data, one way to find it.

    `pattern` finds candidates: its group `value`, else all of it. `cut` says how many leading characters of a candidate
    are real, 0 for none. `cue` must stand in the window before it.
    """

    entity_type: str
    pattern: re.Pattern[str]
    cut: Callable[[str], int] = len
    cue: re.Pattern[str] | None = None

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Span]:  # noqa: ANN401, ARG002
        """See `Recogniser`."""
        if entities and self.entity_type not in entities:
            return []
        spans = []
        for match in self.pattern.finditer(text):
            start, end = match.span("value" if "value" in self.pattern.groupindex else 0)
            if self.cue and not self.cue.search(text, max(0, start - CUE_WINDOW), start):
                continue
            if kept := self.cut(text[start:end]):
                spans.append(Span(self.entity_type, start, start + kept))
        return spans

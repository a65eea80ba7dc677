"""One pass over a text with Hyperscan: where each cue ends, and which forms may be there at all.

Rules then look only at what lies around their cues, or not at all: most texts hold neither.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from activities.data.kinds import spoken
from activities.data.kinds.cues import CUES as VALUE_CUES
from activities.data.kinds.cues import words
from activities.data.kinds.name_words import NAME_CUES
from activities.data.kinds.patterns import Patterns

CUES: Final[Mapping[str, str]] = {**VALUE_CUES, **NAME_CUES}
_BEFORE: Final = rb"(?:^|[^a-z0-9\x80-\xff])"
_AFTER: Final = rb"(?:$|[^a-z0-9\x80-\xff])"
"""Borders of a word in UTF-8, where every byte of a letter with an accent is above 127."""

_JOINT: Final = rb"[ _-]{0,2}"
_SMALL: Final = frozenset(("of", "the", "de", "du", "des", "la", "le", "el", "del", "los", "las"))
"""Words in the middle of a cue that are left out as often as not."""
_NUMBER: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("no", "no.", "nr", "num", "#"),
    "numéro": ("numero", "num", "n°", "no", "n"),
    "número": ("numero", "num", "núm", "núm.", "n°", "no", "n.o"),
}
"""How the word is shortened; NFKC made an `o` of the raised one."""

FORMS: Final[Mapping[str, bytes]] = {
    "at": rb"@",
    "spelt": (
        rf"[(\[{{]\s?(?:{spoken.BRACKETED_AT})\s?[)\]}}]"
        rf"|[^a-z](?:{spoken.DOT})[^a-z]|[(\[{{]\s?(?:{spoken.DOT})\s?[)\]}}]"
    ).encode(),
    "iban": rb"[a-z][ .\r\n-]{0,2}[a-z][ .\r\n-]{0,2}\d[ .\r\n-]{0,2}\d(?:[ .\r\n-]{0,2}[a-z0-9]){11}",
    "card": rb"[2-6](?:[ .\r\n-]{0,4}\d){12}",
    "digits": rb"\d(?:[ ().\r\n/-]{0,3}\d){6}",
    "plus": rb"(?:\+|\b00)[ (]{0,2}\d",
    "dotted": rb"\d\.\d{1,3}\.\d{1,3}\.\d",
    "colons": rb"[0-9a-f]{0,4}[:-][0-9a-f]{0,4}[:-][0-9a-f]{0,4}[:-]",
    "degree": rb"\d\s?\xc2\xb0",
    "coded": rb"[a-z]{2}[ .-]?\d{2}[ .-]?\d{2}[ .-]?\d{2}[ .-]?[a-d]|\d[ .-]?[a-z][ .-]?\d[ .-]?\d\d|\d{8}[ .-]?[a-z]"
    rb"|[x-z][ .-]?\d{7}",
    "long": rb"[a-hj-npr-z0-9]{17}",
    "encoded": rb"[a-z0-9+/_-]{14}",
    "street": rb"\d[a-z]?,? (?:[a-z\x80-\xff'.-]+ ){1,5}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr"
    rb"|boulevard|blvd|terrace|court|ct|close|way"
    rb"|place|pl|square|sq|crescent|gardens|grove|hill|park|row|mews|parade|walk|view|highway|hwy|circle|broadway)"
    + _AFTER
    + rb"|(?:stra\xc3\x9fe|strasse|str\.|gasse|allee|platz|weg|ring|damm|ufer|gasse|steig|stieg|chaussee|markt"
    rb"|pfad|winkel|graben|hof|berg|tor"
    rb"|br\xc3\xbccke|kamp|garten|park|anger|zeile|wall|feld|linden|kirche)\s\d"
    rb"|(?:^|[^a-z])(?:rue|avenue|av\.|bd|boulevard|place|impasse|all\xc3\xa9e|all\xc3\xa9es|chemin|quai|cours"
    rb"|route|square|passage|ruelle"
    rb"|sentier|mont\xc3\xa9e|esplanade|faubourg|villa|cit\xc3\xa9|rond-point) "
    rb"|(?:^|[^a-z])(?:calle|c/|av|avda|avenida|paseo|plaza|pza|ronda|camino|carretera|traves\xc3\xada|glorieta"
    rb"|callej\xc3\xb3n|cuesta|rambla"
    rb"|carrer|alameda|pasaje|v\xc3\xada|costanilla|bulevar|urbanizaci\xc3\xb3n|pol\xc3\xadgono|barrio)[ .]",
    "many": rb"(?:^|[^a-z])(?:am|an der|auf der|auf dem|in der|im|hinterm|vorm|unterm|hinter dem|an den|in den"
    rb"|bei der|beim|altes|neues|obere[rs]?|zum|zur|unter den|hinter der|vor dem|alte|alter|neue|neuer"
    rb"|gro\xc3\x9fe|kleine|obere|untere) "
    rb"[a-z\x80-\xff-]+ (?:[a-z\x80-\xff-]+ )?\d",
}
"""Cheap conditions that a candidate cannot do without; letters are lower case here."""


@dataclass(frozen=True)
class Passed:
    """Where the cues of each family end (characters), and the forms that there may be."""

    cues: Mapping[str, list[int]]
    forms: frozenset[str]


NOTHING: Final = Passed({}, frozenset())


class _Pass:
    def __init__(self) -> None:
        import hyperscan

        self._names = [*CUES, *FORMS]
        cues = [_BEFORE + b"(?:" + b"|".join(map(_word, words(CUES[f]))) + b")" + _AFTER for f in CUES]
        once = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
        self._patterns = Patterns([*cues, *FORMS.values()], [0] * len(cues) + [once] * len(FORMS))
        self._first_form = len(cues)

    def over(self, text: str) -> Passed:
        """What a text holds."""
        data = lowered(text).encode("utf-8", "replace")
        ends = self._patterns.over(data)
        if not ends:
            return NOTHING
        where = _in_characters(data, len(text))
        cues: dict[str, list[int]] = {}
        forms = set()
        for number, end in ends:
            if number < self._first_form:
                cues.setdefault(self._names[number], []).append(where(end))
            else:
                forms.add(self._names[number])
        return Passed(cues, frozenset(forms))


def lowered(text: str) -> str:
    """In lower case and as long as before; a few letters have two in lower case and stay."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def passed(text: str) -> Passed:
    """See `Passed`."""
    return _shared().over(text)


@functools.cache
def _shared() -> _Pass:
    return _Pass()


def _word(word: str) -> bytes:
    """Lower case; a space is also the joint of a field's name.

    Forms and names of fields leave small words out (`fecha_nacimiento`) and shorten "number".
    """
    parts = [_part(part) for part in word.split(" ")]
    small = [0 < at < len(parts) - 1 and part in _SMALL for at, part in enumerate(word.split(" "))]
    return b"".join(
        b"(?:" + part + _JOINT + b")?" if left_out else part + (_JOINT if at < len(parts) - 1 else b"")
        for at, (part, left_out) in enumerate(zip(parts, small, strict=True))
    )


def _part(part: str) -> bytes:
    """One word of a cue. The apostrophe may be the typographic one, or fall away in the name of a field."""
    if part in _NUMBER:
        return b"(?:" + b"|".join(re.escape(one).encode() for one in (part, *_NUMBER[part])) + b")"
    whole = re.escape(part).encode().replace(b"'", rb"(?:'|\xe2\x80\x99|[ _])?")
    return whole.removesuffix(b"nummer") + b"(?:nummer|nr|nr\\.|num)" if part.endswith("nummer") else whole


def _in_characters(data: bytes, length: int) -> Callable[[int], int]:
    if len(data) == length:
        return lambda end: end
    return lambda end: len(data[:end].decode("utf-8", "ignore"))

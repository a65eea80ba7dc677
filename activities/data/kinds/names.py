"""Names of people: after a cue, as pairs of known names, and what the model says of the rest.

A *certain* find needs no model. A *window* is a piece of text around a word that may be a name; the model decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from activities.data.kinds.gate import Passed
from activities.data.kinds.gazetteer import Gazetteer, gazetteer
from activities.data.kinds.name_words import BRANDS, CALENDAR, EVERYDAY, NOT_NAMES, PARTICLES, PLACES, PUBLIC, THINGS
from activities.data.personal import Span

AROUND: Final = 25
"""Characters of a window on either side of its word."""
_HYPHEN: Final = re.compile("[-'\u2019]")
SURE: Final = 0.5
"""From this probability on the model's word is taken."""
SURE_THOROUGH: Final = 0.4
_WORD: Final = re.compile(r"(?<![@\w])[^\W\d_]+(?:['\u2019\-](?!s\b)[^\W\d_]+){0,3}(?![\w(])")
_CAP: Final = r"[A-ZÀ-ÖØ-ÞŚŁŻĐČŠŽİ](?:['\u2019])?[^\W\d_]+(?:['\u2019\-][^\W\d_]+){0,2}|[A-ZÀ-ÖØ-Þ]\."
_PARTICLE: Final = (
    r"(?:de la|de los|de las|de|del|della|di|da|dos|du|des|von|van|vom|zu|zum|zur|van der"
    r"|van den|von der|der|den|la|le|el|al|bin|ter|ten|y|e|i)"
)
_NAME: Final = rf"(?:{_CAP})(?: (?:{_PARTICLE} ){{0,2}}(?:{_CAP})){{0,4}}"
_LOWER: Final = r"[^\W\d_]+(?:['\u2019\-][^\W\d_]+)?(?: [^\W\d_]+(?:['\u2019\-][^\W\d_]+)?){0,3}"
_AFTER: Final = re.compile(rf" ?(?:[:=(]|['\"]{{1,2}} ?[:=])? ?[\"'«„“(\n]{{0,2}}(?P<value>{_NAME})")
_AFTER_LOWER: Final = re.compile(rf" ?(?:[:=,(]|['\"]{{1,2}} ?[:=])?[ \n]?[\"'«„“(]?(?P<value>{_LOWER})(?![\w.(])")
_SIGNED: Final = re.compile(rf" ?[,.!:]?\s{{0,3}}(?:(?:votre|your|Ihre?|dein|deine|tu|su) )?(?P<value>{_NAME})")
_NEXT: Final = re.compile(
    r"[ \-'\u2019](?:(?:[jcldnmst]|qu)['\u2019])?(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]{3,})?)", re.I
)
"""A word without what French elides before it; the end of an English contraction is none, O'Connor is one word."""
STRONG: Final = ("introduced", "titled", "field", "named")
WEAK: Final = ("greeted", "signed", "spoken")
_OTHER_WORDS: Final = NOT_NAMES | CALENDAR | PARTICLES | PLACES | PUBLIC | BRANDS | THINGS
"""Known for something else than a name."""


@dataclass(frozen=True)
class Window:
    """A piece of text from `start` on, and the word in it that is asked about, in the text's own count.

    `weight` is that of what is found: more behind a cue.
    """

    text: str
    start: int
    first: int
    last: int
    weight: int = 0


@dataclass(frozen=True)
class Names:
    """What is certain, and what the model is to say."""

    certain: tuple[Span, ...]
    windows: tuple[Window, ...]

    def moved(self, by: int) -> Names:
        """In a text that lacks the first characters; what stood in them is gone."""
        if not by:
            return self
        certain = (Span(s.entity_type, s.start + by, s.end + by, s.weight) for s in self.certain)
        windows = (replace(w, start=w.start + by, first=w.first + by, last=w.last + by) for w in self.windows)
        return Names(
            tuple(s for s in certain if s.start >= 0),
            tuple(w for w in windows if w.first >= 0),
        )


def names(text: str, passed: Passed, taken: Sequence[tuple[int, int]], thorough: bool) -> Names:
    """Names in a text, but for what is `taken` by other kinds; see `Names`."""
    known = gazetteer()
    certain: list[Span] = []
    maybe: list[tuple[int, int]] = []
    asked: dict[tuple[int, int], None] = {}
    for start, end, sure in _cued(text, passed, known):
        if sure:
            certain.append(Span("PERSON", start, end, 1))
        if not sure or (text[start].islower() and (thorough or _may_go_on(text, end, known))):
            asked[start, end] = None
    words = list(_WORD.finditer(text))
    taken = [*taken, *((span.start, span.end) for span in certain)]
    at = 0
    while at < len(words):
        match = words[at]
        word = match[0]
        # Nearly all words of a text leave here.
        if (word.islower() and word not in known.given and "-" not in word) or (
            taken and any(start <= match.start() < end for start, end in taken)
        ):
            at += 1
            continue
        steps, sure = _at(text, words, at, known, thorough)
        if steps:
            where = (match.start(), words[at + steps - 1].end())
            if sure:
                certain.append(Span("PERSON", *where, 0))
            else:
                maybe.append(where)
        at += max(steps, 1)
    windows = [*(_window(text, *where, weight=1) for where in asked), *(_window(text, *where) for where in maybe)]
    return Names(tuple(certain), tuple(windows))


def judged(text: str, window: Window, answer: tuple[tuple[int, int, float], ...], thorough: bool) -> Span | None:
    """What the model's answer makes of a window's word: it and the names that stand directly beside it."""
    level = SURE_THOROUGH if thorough else SURE
    words = [(window.start + s, window.start + e) for s, e, sure in answer if sure >= level]
    mine = [at for at, (start, end) in enumerate(words) if start < window.last and window.first < end]
    if not mine:
        return None
    first, last = mine[0], mine[-1]
    while first > 0 and _joined(text[words[first - 1][1] : words[first][0]]):
        first -= 1
    while last + 1 < len(words) and _joined(text[words[last][1] : words[last + 1][0]]):
        last += 1
    return Span("PERSON", min(words[first][0], window.first), max(words[last][1], window.last), window.weight)


def _joined(between: str) -> bool:
    return between in (" ", "-", "'", "\u2019", ". ", " de ", " von ", " van ", " der ", " la ", " del ")


def _cued(text: str, passed: Passed, known: Gazetteer) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is certain) of what a cue announces."""
    for family in (*STRONG, *WEAK):
        for end in passed.cues.get(family, ()):
            begin = max(end - 1, 0)
            pattern = _SIGNED if family == "signed" else _AFTER
            if match := pattern.match(text, begin):
                value = _trimmed(match["value"])
                whole = value.lower()
                firm = family not in ("titled", "field") and (whole in PUBLIC or whole in BRANDS or whole in PLACES)
                if value and not firm and _acceptable(value, family, known):
                    yield match.start("value"), match.start("value") + len(value), True
                    continue
                if value and not firm and family == "introduced" and _unheard(value.split(" ")[0]):
                    yield match.start("value"), match.start("value") + len(value.split(" ")[0]), False
                    continue
            match = _AFTER_LOWER.match(text, begin)
            if match and (length := _lower_length(match["value"], known, family)):
                yield match.start("value"), match.start("value") + length, True
                continue
            first = match["value"].split(" ")[0] if match and family == "introduced" else ""
            if match and _part_known(first, known) and _unheard(first):
                yield match.start("value"), match.start("value") + len(first), False


def _may_go_on(text: str, end: int, known: Gazetteer) -> bool:
    """Whether a name in lower case may go on with one that no list has; the model tells where it ends."""
    at = end
    while match := _NEXT.match(text, at):
        word = match["word"].lower()
        if word not in PARTICLES:
            return word in known.family or word not in NOT_NAMES
        at = match.end()
    return False


def _unheard(word: str) -> bool:
    """Whether a word that somebody is introduced by may be a name that is in no list, or that is a word as well."""
    low = word.lower()
    return len(low) > 2 and low not in _OTHER_WORDS


def _trimmed(value: str) -> str:
    """Without words at the end that are no name: "Anna Please"."""
    parts = value.split(" ")
    while parts and (parts[-1].lower() in NOT_NAMES or parts[-1].lower() in PARTICLES):
        parts.pop()
    for number, part in enumerate(parts):
        if part.lower() in NOT_NAMES:
            parts = parts[:number]
            break
    return " ".join(parts)


def _acceptable(value: str, family: str, known: Gazetteer) -> bool:
    parts = [part.lower() for part in value.split(" ") if part.lower() not in PARTICLES and len(part) > 2]
    if not parts or any(part in CALENDAR for part in parts) or value.lower() in PLACES:
        return False
    if family in ("titled", "field"):
        return True
    names_in = sum(_part_known(part, known) for part in parts)
    if family == "introduced":
        return names_in > 0 and (len(parts) > 1 or parts[0] in known.given or parts[0] not in known.words)
    if any(part in THINGS for part in parts):
        return False
    return _part_known(parts[0], known) and (len(parts) > 1 or parts[0] in known.given)


def _part_known(part: str, known: Gazetteer) -> bool:
    return any(one in known.given or one in known.family for one in _HYPHEN.split(part))


def _lower_length(value: str, known: Gazetteer, family: str) -> int:
    """How much of lower-case words after a cue is a name: given names, then family names."""
    parts = value.split(" ")
    first = parts[0]
    head = first.split("-")[0]
    if not first.islower() or first in NOT_NAMES or head not in known.given:
        return 0
    if head in known.words and (family in WEAK or head not in known.common_given):
        follows = len(parts) > 1 and parts[1] in known.family and parts[1] not in NOT_NAMES
        if not follows:
            return 0
    count = 1
    while (
        count < len(parts)
        and parts[count] not in NOT_NAMES
        and (parts[count] in known.family or parts[count] in known.given or parts[count] in PARTICLES)
    ):
        if parts[count] in known.words and parts[count] not in known.common_family | known.common_given:
            break
        count += 1
    while parts[count - 1] in PARTICLES:
        count -= 1
    return len(" ".join(parts[:count]))


def _at(text: str, words: list[re.Match[str]], at: int, known: Gazetteer, thorough: bool) -> tuple[int, bool]:
    """How many words from here may be one name, 0 for none, and whether that is certain."""
    word = words[at][0]
    low = word.lower()
    if len(low) < 3 or low in NOT_NAMES or low in CALENDAR or low in PARTICLES:
        return 0, False
    head = _HYPHEN.split(low)[0] if not low.isalpha() else low
    capital = word[0].isupper()
    if capital and word.isupper():
        return 0, False
    if head not in known.given and low not in known.given:
        return _unknown_first(text, words, at, known, thorough) if capital else (0, False)
    if not capital:
        return _lower_at(text, words, at, known, thorough)
    return _capital_at(text, words, at, head, known, thorough)


def _capital_at(
    text: str, words: list[re.Match[str]], at: int, head: str, known: Gazetteer, thorough: bool
) -> tuple[int, bool]:
    """A given name with a capital: certain with a family name, or where it is nothing but a name."""
    count, families, strangers = _run(text, words, at, known)
    begin, end = words[at].start(), words[at + count - 1].end()
    whole = text[begin:end].lower()
    if (begin and words[at + count - 1][0].lower() in THINGS) or (
        at + count < len(words)
        and words[at + count][0].lower() in THINGS
        and text[end : words[at + count].start()] == " "
    ):
        return 0, False
    if whole in PUBLIC or whole in PLACES or whole in BRANDS or _of_a_firm(text, begin, end):
        return 0, False
    everyday = head in EVERYDAY or (head in known.words and head not in known.common_given)
    if count > 1:
        if everyday:
            return count, bool(families) and not strangers and not all(name in known.words for name in families)
        return count, bool(families) or head in known.common_given
    if everyday:
        return (1, False) if thorough else (0, False)
    return 1, head in known.common_given and head not in known.words


def _of_a_firm(text: str, begin: int, end: int) -> bool:
    """Beside an ampersand: "Ben & Jerry's"."""
    return "&" in text[max(0, begin - 2) : begin] or text[end : end + 3].lstrip("'s\u2019 ").startswith("&")


def _run(text: str, words: list[re.Match[str]], at: int, known: Gazetteer) -> tuple[int, list[str], list[str]]:
    """Capitalised words behind a given name: how many, which are family names, which are unknown."""
    families: list[str] = []
    strangers: list[str] = []
    count = 1
    number = at + 1
    while number < len(words) and number < at + 6:
        between = text[words[number - 1].end() : words[number].start()]
        word = words[number][0]
        low = word.lower()
        if between not in (" ", ". ") or (between == ". " and len(words[number - 1][0]) > 1):
            break
        if low in PARTICLES and number + 1 < len(words) and word.islower():
            number += 1
            continue
        if not word[0].isupper() or low in NOT_NAMES or low in CALENDAR:
            break
        count = number - at + 1
        if len(word) > 1:
            part = _HYPHEN.split(low)
            (families if low in known.family or part[-1] in known.family or low in known.given else strangers).append(
                low
            )
        number += 1
    return count, families, strangers


def _unknown_first(
    text: str, words: list[re.Match[str]], at: int, known: Gazetteer, thorough: bool
) -> tuple[int, bool]:
    """An unknown capitalised word before a family name, or a family name alone: the model is asked."""
    low = words[at][0].lower()
    follows = at + 1 < len(words) and text[words[at].end() : words[at + 1].start()] == " "
    if follows:
        after = words[at + 1][0]
        if after[0].isupper() and after.lower() in known.family and after.lower() not in known.words | NOT_NAMES:
            return 2, False
    if thorough and low in known.family and low not in known.words:
        return 1, False
    return 0, False


def _lower_at(text: str, words: list[re.Match[str]], at: int, known: Gazetteer, thorough: bool) -> tuple[int, bool]:
    low = words[at][0]
    # A text of one word is a name of a field or a value of a list, as often as not.
    if not low.islower() or len(low) < 3 or len(words) == 1:
        return 0, False
    rare = low in known.rare_words or low.split("-")[0] in known.rare_words
    follows = (
        at + 1 < len(words)
        and text[words[at].end() : words[at + 1].start()] == " "
        and words[at + 1][0] in known.family
        and words[at + 1][0] not in NOT_NAMES
    )
    if rare and follows and words[at + 1][0] not in known.words:
        return 2, True
    if low in EVERYDAY or (low in known.everyday and not thorough):
        return (2, False) if follows and words[at + 1][0] not in known.words else (0, False)
    if follows and words[at + 1][0] not in known.words:
        return 2, low in known.common_given
    return (1, False) if rare or low in known.common_given or thorough else (0, False)


def _window(text: str, first: int, last: int, weight: int = 0) -> Window:
    """`AROUND` characters on either side, up to whole words."""
    start, end = max(0, first - AROUND), min(len(text), last + AROUND)
    while 0 < start < first and not text[start - 1].isspace():
        start += 1
    while last < end < len(text) and not text[end].isspace():
        end -= 1
    return Window(text[start:end], start, first, last, weight)

"""Text as scanners see it, and walks over every string of plain JSON data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from pydantic import JsonValue

INVISIBLE: Final = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""Characters that show nothing and part what belongs together: soft hyphens, zero-width, direction, control."""
_ALIKE: Final = str.maketrans(
    "аеорсхіуѕјһԁԛԝАВЕНІЈКМОРСТХУЅαονρτυικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",  # Cyrillic and Greek, on purpose
    "aeopcxiysjhdqwABEHIJKMOPCTXYSaovptuikABEZHIKMNOPTYX",
)
"""Letters of other alphabets that look like Latin ones (Unicode TR39, of one letter each)."""
_FOREIGN: Final = re.compile("[\u0370-\u052f]")
_FOREIGN_WORD: Final = re.compile("[^\\s]*[\u0370-\u052f][^\\s]*")
_LATIN: Final = re.compile("[A-Za-z]")

LONG_NUMBER: Final = 10**6
"""Smaller integers cannot be a telephone, card or identity number."""

Change = Callable[[str, str], str]


def normalised(text: str) -> str:
    """NFKC without invisible characters or look-alikes: full-width, ligature and zero-width disguises fall away."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if _FOREIGN.search(text):
            text = _without_disguise(text)
    elif text.isprintable():
        return text
    return INVISIBLE.sub("", text)


def _without_disguise(text: str) -> str:
    """Latin letters for those that only look so, in words that hold no other letter of their alphabet.

    Only in texts that are Latin for the most part: a word of Greek or Russian stays what it is.
    """
    if len(_LATIN.findall(text)) < len(_FOREIGN.findall(text)):
        return text
    return _FOREIGN_WORD.sub(_latin, text)


def _latin(word: re.Match[str]) -> str:
    changed_word = word[0].translate(_ALIKE)
    return word[0] if _FOREIGN.search(changed_word) else changed_word


def strings(value: JsonValue, key: str = "") -> Iterator[tuple[str, str]]:
    """(key it stands under, text) of every string in document order: values, names of fields, long integers."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "", name
            yield from strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, key)
    elif isinstance(value, str):
        yield key, value
    elif _is_long_number(value):
        yield key, str(value)


def changed(value: JsonValue, change: Change, key: str = "") -> JsonValue:
    """The same structure with `change(key, text)` applied to every string that `strings` gives."""
    if isinstance(value, dict):
        return {change("", name): changed(inner, change, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [changed(inner, change, key) for inner in value]
    if isinstance(value, str):
        return change(key, value)
    if _is_long_number(value):
        text = change(key, str(value))
        return value if text == str(value) else text
    return value


def _is_long_number(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LONG_NUMBER

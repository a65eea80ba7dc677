"""Given and family names that are known, from a small file in the package; read at first use.

`scripts/gazetteer` made it of names-dataset (MIT) and wordfreq's frequencies (see NOTICE).
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("words") / "names.tsv.gz"


@dataclass(frozen=True)
class Gazetteer:
    """Lower-case words. `common_*` are the most frequent names; `words` are also words of a language."""

    given: AbstractSet[str]
    common_given: AbstractSet[str]
    family: AbstractSet[str]
    common_family: AbstractSet[str]
    words: AbstractSet[str]
    everyday: AbstractSet[str]
    rare_words: AbstractSet[str]
    """Given names that are no common word."""


@functools.cache
def gazetteer() -> Gazetteer:
    """The one that is shared; some fifteen megabytes, a tenth of a second."""
    given, common_given, family, common_family, words, everyday = (set[str]() for _ in range(6))
    for line in gzip.decompress(FILE.read_bytes()).decode().splitlines():
        word, marks = line.split("\t")
        for mark, where in (("F", common_given), ("L", common_family), ("w", words), ("W", everyday)):
            if mark in marks:
                where.add(word)
        if "f" in marks.lower():
            given.add(word)
        if "l" in marks.lower():
            family.add(word)
    return Gazetteer(given, common_given, family, common_family, words, everyday, given - words)

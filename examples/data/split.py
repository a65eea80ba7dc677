"""Rows for training and rows for the suite, with no function and no prompt in both."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from examples.data.bfcl import Case

LARGE_GROUP: Final = 8
"""Cases; a larger group of cases that share functions is never held out."""


def by_function(cases: Sequence[Case], held_out_share: float) -> tuple[list[Case], list[Case]]:
    """(for training, held out). Cases that share a function or a prompt, directly or through others, stay together.

    Large groups are training's: held out, one of them would cost many rows and add a few near copies to the suite.
    """
    group = _groups((*case.functions, _words_of(case)) for case in cases)
    size = Counter(group[case.functions[0]] for case in cases)
    chosen = {
        case.id
        for case in cases
        if size[group[case.functions[0]]] <= LARGE_GROUP and place(group[case.functions[0]]) < held_out_share
    }
    held = [case for case in cases if case.id in chosen]
    return [case for case in cases if case.id not in chosen], held


def place(text: str) -> float:
    """A fixed place in [0, 1) for a text: a shuffle that needs no seed and never changes."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def one_each(cases: Iterable[Case]) -> list[Case]:
    """Shuffled, and only the first of several cases with the same tools: a suite of near copies measures little."""
    first: dict[tuple[str, ...], Case] = {}
    for case in sorted(cases, key=lambda c: place(c.id)):
        first.setdefault(case.functions, case)
    return list(first.values())


def _words_of(case: Case) -> str:
    """The prompt without case and spacing; begins with a blank, as no function's name does."""
    return " " + " ".join(case.prompt.casefold().split())


def _groups(sets: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Connected components (union-find): each name's representative, the smallest name of its component."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for names in sets:
        for name in names:
            low, high = sorted((root(names[0]), root(name)))
            parent[high] = low
    return {name: root(name) for name in parent}

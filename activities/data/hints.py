"""Biases and gaps that the numbers of a dataset show. A hint is a question for its owner, never a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from assay.contracts.data import RowKind, Tier
from assay.contracts.datasheet import Hint, Part, Profile

ONE_LANGUAGE: Final = 0.9
ONE_SOURCE: Final = 0.8
FEW_ACCEPTED: Final = 0.5
MANY_DUPLICATES: Final = 0.1
"""Lee et al. 2022 found 3 to 14 % near duplicates in the usual corpora, and that models copy them out."""
UNKNOWN_LANGUAGE: Final = 0.1
RARE_KIND: Final = 0.05
"""A class below one in twenty is imbalanced by the usual reading (He and Garcia 2009: 1:10 and worse)."""
MANY_SYNTHETIC: Final = 0.5
LONG_TAIL: Final = 8.0
"""99th percentile over the median: for a log-normal distribution of lengths, as of text, with sigma 0.9."""
UNSURE: Final = frozenset({"und", "not stated"})


def hints(profile: Profile) -> tuple[Hint, ...]:
    """Every hint that applies, in a fixed order."""
    return tuple(_hints(profile))


def _hints(profile: Profile) -> Iterator[Hint]:
    if not profile.accepted:
        return
    known = [one for one in profile.languages if one.name not in UNSURE]
    yield from _above("one-language", known[:1], ONE_LANGUAGE, "Most rows are in one language")
    unsure = [one for one in profile.languages if one.name in UNSURE]
    yield from _above("language-unknown", unsure, UNKNOWN_LANGUAGE, "Of many rows the language is not known")
    yield from _above("one-source", profile.sources[:1], ONE_SOURCE, "Most rows are from one source")
    yield from _kinds(profile)
    yield from _tiers(profile)
    synthetic = sum(one.share for one in profile.depths if one.name != "0")
    if synthetic > MANY_SYNTHETIC:
        yield _hint("many-synthetic", "More rows are written by models than by people", synthetic, MANY_SYNTHETIC)
    if (share := profile.accepted / profile.read) < FEW_ACCEPTED:
        yield _hint("few-accepted", "Fewer than half of the rows read are in the dataset", share, FEW_ACCEPTED)
    if (share := profile.duplicates / profile.read) > MANY_DUPLICATES:
        yield _hint("many-duplicates", "Many rows that were read repeat others", share, MANY_DUPLICATES)
    lengths = profile.lengths
    if lengths.p50 and (ratio := lengths.p99 / lengths.p50) > LONG_TAIL:
        yield _hint("long-tail", "A few rows are much longer than the others", ratio, LONG_TAIL)


def _kinds(profile: Profile) -> Iterator[Hint]:
    there = {one.name: one.share for one in profile.kinds}
    if "refusal" not in there:
        yield _hint("no-refusals", "No row shows when to say no, or that no tool fits", 0.0, 0.0)
    if "call" in there and "replay" not in there:
        yield _hint(
            "no-plain-chat", "No row is plain chat: a model trained on this alone forgets how to talk", 0.0, 0.0
        )
    for kind in get_args(RowKind):
        if kind in there and there[kind] < RARE_KIND:
            yield _hint("rare-kind", f"Rows of kind {kind} are rare", there[kind], RARE_KIND)


def _tiers(profile: Profile) -> Iterator[Hint]:
    there = {one.name for one in profile.tiers}
    best: Tier = "human-gold"
    if best not in there:
        yield _hint("no-human-gold", "No row was verified by people (tier human-gold)", 0.0, 0.0)


def _above(code: str, found: list[Part] | tuple[Part, ...], bound: float, sentence: str) -> Iterator[Hint]:
    share = sum(one.share for one in found)
    if share > bound:
        names = ", ".join(one.name for one in found)
        yield _hint(code, f"{sentence}: {names}", share, bound)


def _hint(code: str, sentence: str, measured: float, bound: float) -> Hint:
    return Hint(code=code, sentence=sentence, measured=round(measured, 4), bound=bound)

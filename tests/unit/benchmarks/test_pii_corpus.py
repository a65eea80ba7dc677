"""The labelled benchmark is what it says: enough of everything, exact labels, the same for a seed, halves apart."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.pii.corpus import _plain, corpus, evasive
from benchmarks.pii.evasions import TECHNIQUES
from benchmarks.pii.sample import FAMILIES, Half, Sample, at
from benchmarks.pii.values import LANGUAGES, of_half, words

HALVES: tuple[Half, Half] = ("dev", "held-out")


def labelled(half: Half) -> list[Sample]:
    return [sample for sample in corpus(half) if sample.labels]


def test_there_are_600_positives_and_600_hard_negatives_at_least() -> None:
    assert sum(len(labelled(half)) for half in HALVES) >= 600
    assert sum(not sample.labels for half in HALVES for sample in corpus(half)) >= 600


@pytest.mark.parametrize("half", HALVES)
def test_every_kind_stands_in_each_half_and_each_language_has_most_kinds(half: Half) -> None:
    found = Counter((sample.language, label.family) for sample in labelled(half) for label in sample.labels)
    for language in LANGUAGES:
        missing = {family for family in FAMILIES if not found[language, family]}
        assert missing <= {"health id", "national id"}, (language, missing)
    kinds = {label.kind for sample in labelled(half) for label in sample.labels}
    assert kinds == {kind for members in FAMILIES.values() for kind in members}


@pytest.mark.parametrize("half", HALVES)
def test_values_stand_with_a_cue_and_without_in_every_place(half: Half) -> None:
    evidence = Counter(label.evidence for sample in labelled(half) for label in sample.labels)
    assert min(evidence[word] for word in ("cue", "form", "none")) >= 100
    places = Counter(sample.place for sample in labelled(half))
    assert set(places) == {"chat", "instruction", "preference", "long", "arguments", "serialised", "metadata"}
    assert min(places.values()) >= 50


@pytest.mark.parametrize("half", HALVES)
def test_labels_stand_exactly_where_they_say(half: Half) -> None:
    for sample in labelled(half):
        for label in sample.labels:
            assert sample.surface(label) == label.value, sample.origin


@pytest.mark.parametrize("half", HALVES)
def test_an_evasion_hides_its_value_at_the_place_it_names(half: Half) -> None:
    techniques = Counter(sample.origin for sample in evasive(half))
    assert set(techniques) == set(TECHNIQUES)
    assert min(techniques.values()) >= 16
    for sample in evasive(half):
        (label,) = sample.labels
        for region in label.regions:
            assert 0 <= region.start < region.end <= len(str(at(sample.row, region.path)))
        if sample.origin not in ("long padding", "split over fields"):
            assert sample.surface(label) != label.value


def test_the_same_seed_makes_the_same_rows_and_another_makes_others() -> None:
    first = corpus("dev", 1)
    _plain.cache_clear()
    assert corpus("dev", 1) == first
    assert corpus("dev", 2) != first


def test_the_halves_share_no_template_no_name_and_no_street() -> None:
    dev, held = ({sample.origin for sample in labelled(half)} - {"block"} for half in HALVES)
    assert not {text for text in dev & held if "{}" in text}
    for language in LANGUAGES:
        for name in ("first", "last", "streets", "towns", "cities", "handles"):
            one, other = (set(of_half(language, name, half)) for half in HALVES)
            assert one.isdisjoint(other)
            assert one | other == set(words(language)[name])

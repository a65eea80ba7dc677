"""What a withdrawn adapter answered goes and is looked for, also where no report names it yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.erasure import withdrawing
from activities.erasure.activity import ErasureData
from activities.evaluation.samples import dump_samples, keep_samples, load_samples
from assay.contracts.errors import IntegrityRefused
from assay.settings import Settings
from evals.answers import Answer
from evals.run import Sample
from registry import Registry
from registry.blobs import reference_to

from .made import made_of
from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, seal, searched, sha

ROWS = [
    (1, OTHER, "accepted", asks("the weather number one is asked for here")),
    (2, SUBJECT, "accepted", asks(PER_CASE)),
]
SAMPLES = (Sample(id="weather-1", task="call", answer=Answer(text="it rains"), scores={"right": True}),)


def stored(adapter: str | None) -> str:
    return reference_to(dump_samples(SAMPLES, adapter)).sha256


def test_answers_of_an_evaluation_that_was_stopped_are_destroyed(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    before = len(made.learnt)
    mine, answers = job(), stored(made.adapter)
    assert keep_samples(registry, SAMPLES, made.adapter).sha256 == answers
    base, other = keep_samples(registry, SAMPLES, None).sha256, keep_samples(registry, SAMPLES, sha(98)).sha256
    withdrawn, _, shredded = erase(registry, tmp_path, mine)
    assert not registry.blobs.has(answers)
    assert shredded.blobs == before + 1
    # The same answers of the base, and of an adapter that did not learn from the person.
    assert {base, other} == {stored(None), stored(sha(98))}
    assert registry.blobs.has(base)
    assert registry.blobs.has(other)
    assert answers in {one.name for one in withdrawn.artifacts if one.kind == "samples"}
    registry.blobs.put(dump_samples(SAMPLES, made.adapter))
    assert searched(registry, mine, tmp_path).found == (f"blob {answers}",)


def test_answers_of_a_withdrawn_adapter_are_not_kept(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    put = registry.blobs.put

    def meanwhile(data: bytes) -> object:
        stored = put(data)
        withdrawing.withdraw(registry, job())
        return stored

    monkeypatch.setattr(registry.blobs, "put", meanwhile)
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        keep_samples(registry, SAMPLES, made.adapter)
    assert not registry.blobs.has(stored(made.adapter))
    monkeypatch.setattr(registry.blobs, "put", put)
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        keep_samples(registry, SAMPLES, made.adapter)
    assert not registry.blobs.has(stored(made.adapter))


def test_answers_that_were_there_before_are_not_removed_by_who_comes_late(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A legal hold may keep them."""
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    kept = keep_samples(registry, SAMPLES, made.adapter)
    refuse = registry.withdrawals.refuse
    said: list[str] = []

    def second(adapter: str) -> None:
        if said:
            withdrawing.withdraw(registry, job())
        said.append(adapter)
        refuse(adapter)

    monkeypatch.setattr(registry.withdrawals, "refuse", second)
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        keep_samples(registry, SAMPLES, made.adapter)
    assert len(said) == 2
    assert registry.blobs.has(kept.sha256)


def test_a_stored_file_is_read_again(registry: Registry) -> None:
    for adapter in (None, sha(98)):
        assert load_samples(dump_samples(SAMPLES, adapter)) == SAMPLES


def test_answers_of_the_base_are_nobodys(registry: Registry, tmp_path: Path) -> None:
    made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    assert keep_samples(registry, SAMPLES, None).sha256 == stored(None)
    mine = job()
    erase(registry, tmp_path, mine)
    assert registry.blobs.has(stored(None))
    assert searched(registry, mine, tmp_path).found == ()


def test_a_folder_that_a_stopped_trainer_made_again_is_found(
    registry: Registry, settings: Settings, tmp_path: Path
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine, data = job(), ErasureData(settings)
    vars(data).update(_registry=registry)
    erase(registry, settings.home, mine)
    assert ActivityEnvironment().run(data.search_stores, mine).found == ()
    (settings.home / "runs" / made.run / "checkpoints").mkdir(parents=True)
    assert ActivityEnvironment().run(data.search_stores, mine).found == (f"folder runs/{made.run}",)

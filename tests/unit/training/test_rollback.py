"""What a run goes back to does not depend on how often it was stopped or killed before."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.training import checkpoints, sft
from activities.training.health import Finding
from activities.training.job import RowSource, RunFile, RunFolder
from activities.training.stored import Stored
from assay.contracts.base import BasePin
from assay.contracts.training import HealthRules, Recipe, TrainingProgress
from registry import BlobStore

NONE = "sha256:" + "0" * 64
RECIPE = Recipe(
    max_steps=90, checkpoint_every=10, candidates=2, health=HealthRules(evaluate_every=1, loss_spike="roll-back")
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder, pin = RunFolder(tmp_path / "run"), BasePin(repository="maker/base", revision="r1", digest=NONE)
    folder.write_run(
        RunFile(
            run_id="r",
            recipe=RECIPE,
            base=pin,
            base_dir=tmp_path,
            rows=(RowSource(paths=(tmp_path,)),),
            template=NONE,
        )
    )
    return folder


def seal(folder: RunFolder, held_out: dict[int, float]) -> None:
    for step, loss in held_out.items():
        with checkpoints.writing(folder.checkpoints) as scratch:
            (scratch / "adapter.bin").write_text(f"weights {step}")
            checkpoints.seal(scratch, folder.checkpoints, step, {"heldout_loss": loss})


def back_from(folder: RunFolder, good: int) -> int:
    finding = Finding("LOSS_SPIKE", good + 4, good, "the loss is 9")
    return sft.intervene(finding, folder.read_run(), (), folder).back_to


def test_what_a_stop_saved_is_no_place_to_go_back_to(folder: RunFolder) -> None:
    seal(folder, {20: 1.0, 30: 1.0, 32: 1.0})
    assert back_from(folder, 33) == 30
    assert checkpoints.steps(folder.checkpoints) == [20, 30]


def test_what_a_kill_left_unswept_is_no_place_to_go_back_to(folder: RunFolder) -> None:
    seal(folder, {10: 1.0, 20: 0.9, 30: 0.8, 40: 0.8})
    assert back_from(folder, 29) == 0


def test_what_a_stop_saved_does_not_take_the_place_of_the_best(folder: RunFolder, tmp_path: Path) -> None:
    seal(folder, {10: 0.9, 15: 0.1, 20: 1.0, 30: 1.0})
    steps = checkpoints.steps(folder.checkpoints)
    stored = Stored(folder, BlobStore.open((tmp_path / "blobs").as_uri()), None)
    stored.add_new()
    told = stored.named_in(TrainingProgress(step=30, max_steps=90))
    assert [one.step for one in told.earlier] == [10, 20]
    assert checkpoints.best(folder.checkpoints, steps) == 15
    assert back_from(folder, 19) == 10

"""Killed anywhere, the same bits: at any step, inside a checkpoint's write, before and after a rollback."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from activities.training import checkpoints, job, metrics, sft
from activities.training.export import WEIGHTS
from activities.training.job import RunFolder
from activities.training.process import check_ended_well
from assay.contracts.errors import Unavailable
from assay.contracts.training import HEALTHY_MIX, MixShare

MakeRun = Callable[..., RunFolder]
Train = Callable[..., int]

EXACT = set(checkpoints.RESUMED_FILES) - {"trainer_state.json"}  # which holds the seconds that evaluations took


DIES, STOPS = -1, -2


def train(workdir: str, at_step: int, at_flush: int, rate: float | None) -> None:
    """As the command line would; dies by SIGKILL after a step, or at the n-th flush of the first checkpoint after it.

    The 0th is before anything is flushed, with the weights half written. `rate` is that after a rollback: the death is
    not before it. STOPS instead of a flush: it is asked to stop after that step.
    """
    from activities.training.snapshot import Snapshot
    from activities.training.watch import Watch

    reached, flushed, step_end, flush, write = 0, 0, Watch.on_step_end, checkpoints._flush, Snapshot.write

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_step_end(self: Watch, args: Any, state: Any, control: Any, **kept: Any) -> None:
        nonlocal reached
        reached = state.global_step
        if reached == at_step and at_flush < 0 and self._rate == rate:
            os.kill(os.getpid(), signal.SIGKILL if at_flush == DIES else signal.SIGTERM)
        step_end(self, args, state, control, **kept)

    def half_write(self: Snapshot, folder: Path) -> None:
        write(self, folder)
        if at_flush == 0 and self.state.global_step >= at_step > 0:
            os.truncate(folder / WEIGHTS, 100)
            die()

    def count_flush(path: Path) -> None:
        nonlocal flushed
        flushed += reached >= at_step > 0
        if at_flush == flushed > 0:
            die()
        flush(path)

    Watch.on_step_end = on_step_end  # type: ignore[method-assign]
    Snapshot.write = half_write  # type: ignore[method-assign]
    checkpoints._flush = count_flush
    sys.argv = ["sft", "--workdir", workdir]
    sys.exit(sft.main())


@pytest.fixture
def run(trainers: ForkServerContext) -> Train:
    """Train to the end, or to the death that is given; the exit status, negative for a signal."""

    def run(folder: RunFolder, at_step: int = 0, at_flush: int = DIES, rate: float | None = None) -> int:
        process = trainers.Process(target=train, args=(str(folder.workdir), at_step, at_flush, rate))
        process.start()
        process.join(120)
        assert process.exitcode is not None
        return process.exitcode

    return run


def deaths(seed: int, steps: int) -> list[tuple[int, int]]:
    """Where one run is killed, each time further on: twice after a step, twice while a checkpoint is written."""
    chosen = random.Random(seed)
    flushes = [DIES, DIES, 0, chosen.randint(1, 10)]
    chosen.shuffle(flushes)
    return list(zip(sorted(chosen.sample(range(1, steps - 5), 4)), flushes, strict=True))


def bits(folder: RunFolder) -> dict[str, bytes]:
    """What the newest checkpoint says of weights, optimiser, schedule and random states."""
    newest = checkpoints.newest(folder.checkpoints)
    assert newest is not None
    return {name: (newest.path / name).read_bytes() for name in EXACT}


RECIPE = {"max_steps": 24, "checkpoint_every": 5, "lora": {"rank": 4, "alpha": 8, "dropout": 0.2}}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_four_times_ends_with_the_same_bits(make_run: MakeRun, run: Train, seed: int) -> None:
    whole, killed = make_run("whole", **RECIPE, seed=seed), make_run("killed", **RECIPE, seed=seed)
    assert run(whole) == 0
    for at_step, at_flush in deaths(seed, 24):
        assert run(killed, at_step, at_flush) == -signal.SIGKILL, (at_step, at_flush)
    assert run(killed) == 0
    assert bits(killed) == bits(whole)
    assert [m.loss for m in metrics.read(killed.metrics)] == [m.loss for m in metrics.read(whole.metrics)]
    assert not list(killed.checkpoints.glob(".*"))


def test_other_seeds_give_other_bits(make_run: MakeRun, run: Train) -> None:
    """So that the comparisons above can fail: dropout and the order of rows depend on them."""
    short = RECIPE | {"max_steps": 4}
    folders = [
        make_run(name, **short, **seeds) for name, seeds in (("a", {}), ("b", {"data_seed": 2}), ("c", {"seed": 2}))
    ]
    assert [run(folder) for folder in folders] == [0, 0, 0]
    assert len({bits(folder)[WEIGHTS] for folder in folders}) == 3


def test_going_back_to_the_beginning_is_beginning_with_the_lower_rate(make_run: MakeRun, run: Train) -> None:
    rules = {"loss_nan": "roll-back", "learning_rate_factor": 2.0**-110}
    exploded = make_run("exploded", max_steps=6, warmup_steps=0, learning_rate=2.0**100, health=rules)
    modest = make_run("modest", max_steps=6, warmup_steps=0, learning_rate=2.0**-10, health=rules)
    assert run(exploded) == 0
    (done,) = exploded.read_interventions()
    assert (done.cause, done.action, done.back_to, done.learning_rate) == ("LOSS_NAN", "roll-back", 0, 2.0**-10)
    assert run(modest) == 0
    assert bits(exploded) == bits(modest)


JUMPY = {"gradient_exploded": "roll-back", "window": 8, "deviations": 0.01, "patience": 1, "loss_spike": None}
"""Takes the usual noise of gradient norms for explosions."""


def test_a_run_killed_around_its_rollbacks_does_the_same_about_the_same(make_run: MakeRun, run: Train) -> None:
    recipe = RECIPE | {"checkpoint_every": 2, "max_steps": 40, "health": JUMPY}
    whole, killed = make_run("whole", **recipe), make_run("killed", **recipe)
    assert run(whole) == job.FAILED
    taken = whole.read_interventions()
    assert [(one.cause, one.action) for one in taken] == [("GRADIENT_EXPLODED", "roll-back")] * 2
    assert all(0 < one.back_to < one.step - 1 for one in taken)
    assert [one.learning_rate for one in taken] == [5e-4, 2.5e-4]
    failure = whole.read_failure()
    assert failure is not None
    assert failure.code == "GRADIENT_EXPLODED"
    assert "after 2 rollbacks" in failure.message
    for one in taken:  # the newest checkpoint is then one that knows nothing of going back
        assert run(killed, one.back_to + 1, rate=one.learning_rate) == -signal.SIGKILL
    assert run(killed) == job.FAILED
    assert killed.read_interventions() == taken
    assert killed.read_failure() == failure
    assert bits(killed) == bits(whole)


def test_a_run_stopped_just_before_its_trouble_goes_back_as_far(make_run: MakeRun, run: Train) -> None:
    """Not only to what the stop has saved, which the run that was not stopped does not have."""
    recipe = RECIPE | {"max_steps": 40, "health": JUMPY | {"max_rollbacks": 1}}
    whole, stopped = make_run("whole", **recipe), make_run("stopped", **recipe)
    assert run(whole) == job.FAILED
    (done,) = whole.read_interventions()
    assert done.back_to < done.step - 2  # where a checkpoint may stand that is not suspected
    assert run(stopped, done.step - 2, STOPS) == job.STOPPED
    assert checkpoints.steps(stopped.checkpoints)[-1] == done.step - 2
    assert run(stopped) == job.FAILED
    assert stopped.read_interventions() == (done,)
    assert stopped.read_failure() == whole.read_failure()
    assert bits(stopped) == bits(whole)


REPLAY = MixShare(kind="replay", rows_per_batch=2, objective="kl-to-base")


@pytest.mark.parametrize(("mix", "said"), [(HEALTHY_MIX, "held-out loss"), ((REPLAY,), "weights")])
def test_weights_that_the_last_step_broke_are_no_candidate(
    make_run: MakeRun, run: Train, mix: tuple[MixShare, ...], said: str
) -> None:
    """Its loss was that of the weights before it; only kinds that are answered have rows held out."""
    folder = make_run("broken", max_steps=1, warmup_steps=0, learning_rate=1e39, mix=mix)
    assert run(folder) == job.FAILED
    failure = folder.read_failure()
    assert failure is not None
    assert failure.code == "LOSS_NAN"
    assert said in failure.message
    assert checkpoints.steps(folder.checkpoints) == []


def train_and_save_twice(workdir: str) -> None:
    """Train, and let the library write its own checkpoint beside each of ours."""
    from transformers import Trainer

    from activities.training.trainer import MixTrainer

    ours = MixTrainer._save_checkpoint

    def both(self: MixTrainer, model: Any, trial: Any) -> None:
        ours(self, model, trial)
        Trainer._save_checkpoint(self, model, trial)

    MixTrainer._save_checkpoint = both  # type: ignore[method-assign]
    sys.argv = ["sft", "--workdir", workdir]
    sys.exit(sft.main())


def test_a_snapshot_is_what_the_library_would_have_saved(make_run: MakeRun, trainers: ForkServerContext) -> None:
    """Whatever the training does to the state while it is written."""
    folder = make_run("both", **RECIPE | {"checkpoint_every": 1, "max_steps": 6, "candidates": 6})
    process = trainers.Process(target=train_and_save_twice, args=(str(folder.workdir),))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    found = checkpoints.valid(folder.checkpoints)
    assert [one.step for one in found] == [1, 2, 3, 4, 5, 6]
    for one in found:
        library = folder.checkpoints / f"checkpoint-{one.step}"
        for name in EXACT:
            assert (one.path / name).read_bytes() == (library / name).read_bytes(), (one.step, name)


def train_without_room(workdir: str, room: int) -> None:
    """No file may be larger than `room` bytes: the libraries then see what they see of a full disk."""
    import resource

    sys.argv = ["sft", "--workdir", workdir]
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    sys.exit(sft.main())


@pytest.mark.parametrize("every", [2, 6], ids=["while it trains", "at the end"])
def test_a_checkpoint_that_cannot_be_written_ends_the_attempt(
    make_run: MakeRun, trainers: ForkServerContext, every: int
) -> None:
    folder = make_run("full", max_steps=6, checkpoint_every=every)
    process = trainers.Process(target=train_without_room, args=(str(folder.workdir), 8000))
    process.start()
    process.join(120)
    assert process.exitcode == job.FAILED
    failure = folder.read_failure()
    assert failure is not None
    assert (failure.code, failure.retryable) == ("CHECKPOINT_UNWRITABLE", True)
    assert checkpoints.steps(folder.checkpoints) == []
    assert not list(folder.checkpoints.glob(".*"))
    assert len(metrics.read(folder.metrics)) < 6 or every == 6


def test_a_disk_without_any_room_says_so_by_its_status(make_run: MakeRun, trainers: ForkServerContext) -> None:
    folder = make_run("full", max_steps=6)
    process = trainers.Process(target=train_without_room, args=(str(folder.workdir), 10))
    process.start()
    process.join(120)
    assert process.exitcode == job.NO_ROOM
    with pytest.raises(Unavailable, match="DISK_FULL"):
        check_ended_well(folder, job.NO_ROOM, 1)

"""Which checkpoint another worker goes on from, when some of them are torn, altered or half uploaded."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from activities.training import checkpoints
from activities.training.job import RowSource, RunFile, RunFolder
from activities.training.stored import Stored
from activities.training.supervision import Attempt, supervise
from assay.contracts.base import BasePin, Reference
from assay.contracts.errors import TrainingFailed, Unavailable
from assay.contracts.training import Intervention, Recipe, TrainingProgress
from registry import BlobStore

START = TrainingProgress(step=0, max_steps=40)
NONE = "sha256:" + "0" * 64


def make_folder(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.write_run(
        RunFile(
            run_id="r",
            recipe=Recipe(max_steps=40, checkpoint_every=10, candidates=2),
            base=BasePin(repository="maker/base", revision="r1", digest=NONE),
            base_dir=path,
            rows=(RowSource(paths=(path,)),),
            template=NONE,
        )
    )
    return folder


def seal(folder: RunFolder, step: int, text: str = "weights", held_out: float = 1.0) -> checkpoints.Checkpoint:
    with checkpoints.writing(folder.checkpoints) as scratch:
        for name in ("adapter.bin", "optimizer.bin"):
            (scratch / name).write_text(f"{text} {name} {step}")
        return checkpoints.seal(scratch, folder.checkpoints, step, {"heldout_loss": held_out})


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def known(tmp_path: Path, blobs: BlobStore) -> TrainingProgress:
    """What a worker that stored the checkpoints 10, 20 and 30 reported last."""
    folder = make_folder(tmp_path / "first")
    stored = Stored(folder, blobs, None)
    for step in (10, 20, 30):
        seal(folder, step, held_out=1 + step)
        stored.add_new()
    told = stored.named_in(START)
    assert (told.checkpoint_step, [one.step for one in told.earlier]) == (30, [10, 20])  # 10 is the best
    return told


def blob_of(tmp_path: Path, text: str) -> Path:
    return next(path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.read_text() == text)


def test_another_worker_has_them_all(tmp_path: Path, blobs: BlobStore, known: TrainingProgress) -> None:
    other = make_folder(tmp_path / "other")
    stored = Stored(other, blobs, known)
    assert stored.bring_here() == 30
    assert [one.step for one in checkpoints.valid(other.checkpoints)] == [10, 20, 30]
    assert stored.passed_over == ()


def test_what_a_killed_worker_left_half_way_is_not_in_the_way(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between fetching a checkpoint and putting it in its place, and the step was stored again since."""
    other = make_folder(tmp_path / "other")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "adopt", killed)
        with pytest.raises(KeyboardInterrupt):
            Stored(other, blobs, known).bring_here()
    first = make_folder(tmp_path / "again")
    stored = Stored(first, blobs, None)
    for step in (10, 20, 30):
        seal(first, step, "weights of another attempt", held_out=1 + step)
        stored.add_new()
    stored = Stored(other, blobs, stored.named_in(START))
    assert stored.bring_here() == 30
    assert stored.passed_over == ()


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("harm", "why"), [("remove", "BLOB_UNKNOWN"), ("truncate", "BLOB_TAMPERED"), ("flip", "BLOB_TAMPERED")]
)
def test_a_stored_checkpoint_that_is_not_whole_is_passed_over_for_the_one_before(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress, harm: str, why: str
) -> None:
    blob = blob_of(tmp_path, "weights optimizer.bin 30")
    blob.chmod(0o644)
    if harm == "remove":
        blob.unlink()
    else:
        blob.write_text("weights optim" if harm == "truncate" else "weights optimizer.bin 31")
    stored = Stored(make_folder(tmp_path / "other"), blobs, known)
    assert stored.bring_here() == 20
    (told,) = stored.named_in(START).passed_over
    assert told.step == 30
    assert why in told.why
    assert stored.named_in(START).checkpoint_step == 20


def test_when_none_is_left_the_run_begins_anew(tmp_path: Path, blobs: BlobStore, known: TrainingProgress) -> None:
    for step in (10, 20, 30):
        blob_of(tmp_path, f"weights adapter.bin {step}").unlink()
    stored = Stored(make_folder(tmp_path / "other"), blobs, known)
    assert stored.bring_here() == 0
    assert {one.step for one in stored.passed_over} == {10, 20, 30}


@pytest.mark.parametrize("harm", ["torn", "sealed anew"])
def test_altered_bytes_here_are_replaced_by_what_was_stored(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress, harm: str
) -> None:
    """Also those whose manifest was altered with them."""
    here = make_folder(tmp_path / "first")
    if harm == "torn":
        (here.checkpoint(30) / "adapter.bin").write_text("other weights")
    else:
        seal(here, 30, "other weights")
    stored = Stored(here, blobs, known)
    assert stored.bring_here() == 30
    assert (here.checkpoint(30) / "adapter.bin").read_text() == "weights adapter.bin 30"
    (told,) = stored.passed_over
    assert told.step == 30
    assert told.why == ("adapter.bin has other bytes than were sealed" if harm == "torn" else ALTERED)


ALTERED = "its files are not those that were stored"


def test_altered_bytes_here_that_cannot_be_replaced_are_not_gone_on_from(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress
) -> None:
    here = make_folder(tmp_path / "first")
    seal(here, 30, "other weights")
    blob_of(tmp_path, "weights adapter.bin 30").unlink()
    assert Stored(here, blobs, known).bring_here() == 20
    assert checkpoints.steps(here.checkpoints) == [10, 20]


def test_a_step_that_is_sealed_again_after_a_rollback_is_stored_again(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress
) -> None:
    here = make_folder(tmp_path / "first")
    stored = Stored(here, blobs, known)
    stored.bring_here()
    stored.add_new()
    assert stored.named_in(START).checkpoint == known.checkpoint
    seal(here, 30, "weights of a lower rate")
    stored.add_new()
    tree = stored.named_in(START).checkpoint
    assert tree not in (None, known.checkpoint)
    assert blobs.has(str(tree))


def test_what_a_rollback_undid_is_not_gone_on_from_elsewhere(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress
) -> None:
    here = make_folder(tmp_path / "first")
    stored = Stored(here, blobs, known)
    stored.bring_here()
    for step in (20, 30):
        checkpoints.discard(here.checkpoints, step)
    here.write_interventions(
        [Intervention(step=33, cause="LOSS_SPIKE", action="roll-back", back_to=10, learning_rate=1e-4)]
    )
    stored.add_new()
    told = stored.named_in(START)
    assert (told.checkpoint_step, told.earlier) == (10, ())
    assert Stored(make_folder(tmp_path / "other"), blobs, told).bring_here() == 10


def test_after_a_rollback_to_the_beginning_nothing_is_named(
    tmp_path: Path, blobs: BlobStore, known: TrainingProgress
) -> None:
    here = make_folder(tmp_path / "first")
    stored = Stored(here, blobs, known)
    stored.bring_here()
    checkpoints.keep_only(here.checkpoints, ())
    here.write_interventions(
        [Intervention(step=33, cause="LOSS_SPIKE", action="roll-back", back_to=0, learning_rate=1e-4)]
    )
    stored.add_new()
    assert stored.named_in(START).checkpoint is None


def test_a_store_without_room_is_no_secret(tmp_path: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: BlobStore, path: Path) -> Reference:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    folder = make_folder(tmp_path / "run")
    seal(folder, 10)
    monkeypatch.setattr(BlobStore, "put_tree", full)
    with pytest.raises(OSError, match="No space"):
        Stored(folder, blobs, None).add_new()


@pytest.mark.parametrize(("got_on", "expected"), [(True, Unavailable), (False, TrainingFailed)])
def test_kills_count_only_as_long_as_nothing_is_gained(
    tmp_path: Path, blobs: BlobStore, got_on: bool, expected: type[Exception]
) -> None:
    """A machine that is taken away often is no reason to give up a run that gets on."""
    folder, heard = make_folder(tmp_path / "run"), list[TrainingProgress]()
    seal(folder, 10)
    if got_on:
        seal(folder, 20)
    trainer = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    attempt = Attempt(kills=4, resumed_from=10, spent=0, allowed=60, pause=lambda: trainer.wait() == 0)
    with pytest.raises(expected, match="TRAINER_KILLED" if got_on else "TRAINER_CRASHED"):
        supervise(folder, trainer, Stored(folder, blobs, None), heard.append, attempt)
    assert heard[-1].kills == (1 if got_on else 5)


def test_a_machine_that_asks_worker_and_trainer_at_once_is_a_hand_over(tmp_path: Path, blobs: BlobStore) -> None:
    folder = make_folder(tmp_path / "run")
    trainer = subprocess.Popen([sys.executable, "-c", "raise SystemExit(75)"])
    trainer.wait()
    attempt = Attempt(kills=4, resumed_from=0, spent=0, allowed=60, pause=lambda: True)
    with pytest.raises(Unavailable, match="WORKER_STOPPING"):
        supervise(folder, trainer, Stored(folder, blobs, None), lambda _: None, attempt)

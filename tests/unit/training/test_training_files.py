"""What a run writes beside its checkpoints: metrics, the exported adapter, the cause of a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from activities.training import checkpoints, metrics, process
from activities.training.export import CONFIG, WEIGHTS, export_adapter
from activities.training.job import FAILED, STOPPED, Failure, RunFolder, candidates_of, worth_keeping
from assay.contracts.base import BasePin
from assay.contracts.errors import TrainingFailed, Unavailable
from assay.contracts.training import HealthRules, Recipe

PIN = BasePin(repository="maker/base", revision="abc", digest="sha256:" + "0" * 64)


def line(step: int, loss: float = 1.0, tokens: int = 100, pace: float = 50.0) -> metrics.StepMetrics:
    return metrics.StepMetrics(
        step=step,
        loss=loss,
        grad_norm=1,
        learning_rate=0.1,
        tokens=tokens,
        tokens_per_second=pace,
        eta_seconds=1,
    )


def test_a_step_written_again_with_its_held_out_loss_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for written in (line(1), line(2), line(2).model_copy(update={"heldout_loss": 0.5})):
        metrics.append(path, written)
    assert [(m.step, m.heldout_loss) for m in metrics.read(path)] == [(1, None), (2, 0.5)]


def test_a_resume_knows_the_steps_of_its_checkpoint_and_forgets_those_after(tmp_path: Path) -> None:
    path, sealed = tmp_path / "metrics.jsonl", tmp_path / "sealed.jsonl"
    metrics.write(sealed, [line(1), line(2)])
    metrics.go_on_from(path, sealed)
    assert [m.step for m in metrics.read(path)] == [1, 2]
    metrics.append(path, line(3))
    metrics.go_on_from(path, sealed)
    assert [m.step for m in metrics.read(path)] == [1, 2]
    metrics.go_on_from(path, None)
    assert metrics.read(path) == []


@pytest.mark.parametrize(
    ("there", "kept", "candidates"),
    [
        ((10, 20, 30), [20, 30], [20, 30]),
        ((30, 40, 50, 58), [40, 50, 58], [50, 58]),
        ((30, 40, 47), [30, 40, 47], [30, 40]),  # stopped at 47
        ((40, 47, 50, 57, 58), [40, 50, 58], [50, 58]),  # the stops leave no candidate behind
        ((7,), [7], []),
        ((), [], []),
    ],
)
def test_a_run_keeps_the_last_of_its_schedule_and_the_newest(
    there: tuple[int, ...], kept: list[int], candidates: list[int]
) -> None:
    recipe = Recipe(max_steps=58, checkpoint_every=10, candidates=2)
    assert worth_keeping(there, recipe) == kept
    assert candidates_of(there, recipe) == candidates


@pytest.mark.parametrize(
    ("every", "patience", "kept"),
    [(10, 3, [20, 30]), (3, 3, [27, 30]), (2, 3, [26, 28, 30]), (1, 3, [27, 28, 29, 30]), (2, 5, [24, 26, 28, 30])],
)
def test_a_run_keeps_one_from_before_a_trouble_that_is_seen_late(every: int, patience: int, kept: list[int]) -> None:
    """Seen before the checkpoint of step 31 is written, it began with the update of step 30 - patience."""
    recipe = Recipe(max_steps=90, checkpoint_every=every, candidates=1, health=HealthRules(patience=patience))
    assert worth_keeping(range(every, 31, every), recipe) == kept
    assert kept[0] <= 31 - patience - 1


def test_the_newest_line_is_found_at_the_end_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for step in range(1, 200):
        metrics.append(path, line(step))
    path.write_bytes(path.read_bytes() + b'{"step": 200')
    newest = metrics.last(path)
    assert newest is not None
    assert newest.step == 199


def test_a_line_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics.append(path, line(1))
    path.write_bytes(path.read_bytes() + b'{"step": 2, "lo')
    assert [m.step for m in metrics.read(path)] == [1]


def test_no_metrics_yet_is_no_step(tmp_path: Path) -> None:
    assert metrics.read(tmp_path / "metrics.jsonl") == []
    assert metrics.last(tmp_path / "metrics.jsonl") is None
    assert metrics.tokens_per_second([]) == 0


def test_pace_is_tokens_over_the_time_spent_in_steps() -> None:
    assert metrics.tokens_per_second([line(1, tokens=100, pace=100), line(2, tokens=100, pace=50)]) == pytest.approx(
        200 / 3
    )


def test_an_export_names_the_base_and_depends_on_nothing_else(tmp_path: Path) -> None:
    exported = []
    for order in (["q_proj", "v_proj"], ["v_proj", "q_proj"]):
        with checkpoints.writing(tmp_path / "-".join(order)) as scratch:
            config = {"base_model_name_or_path": "/somewhere/here", "target_modules": order, "r": 4}
            (scratch / CONFIG).write_text(json.dumps(config))
            (scratch / WEIGHTS).write_bytes(b"weights")
            (scratch / "optimizer.pt").write_bytes(b"moments")
            sealed = checkpoints.seal(scratch, tmp_path / "-".join(order), 1, {})
        exported.append(export_adapter(sealed, PIN, tmp_path / "out" / "-".join(order)))
    one, other = exported
    assert sorted(path.name for path in one.iterdir()) == [CONFIG, WEIGHTS]
    assert (one / CONFIG).read_bytes() == (other / CONFIG).read_bytes()
    config = json.loads((one / CONFIG).read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("maker/base", "abc")
    assert config["inference_mode"] is True


def test_the_trainers_own_cause_is_raised(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_failure(Failure(code="LOSS_NAN", message="loss is nan at step 3", remedy="lower the rate"))
    with pytest.raises(TrainingFailed, match="LOSS_NAN: loss is nan at step 3"):
        process.check_ended_well(folder, FAILED, 1)


@pytest.mark.parametrize(("status", "how"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (STOPPED, "exit status 75")])
def test_a_killed_trainer_is_tried_again_but_not_for_ever(tmp_path: Path, status: int, how: str) -> None:
    folder = RunFolder(tmp_path)
    folder.log.write_text("started\nout of memory\n")
    with pytest.raises(Unavailable, match=f"TRAINER_KILLED.*{how}.*out of memory"):
        process.check_ended_well(folder, status, 1)
    with pytest.raises(TrainingFailed, match=f"TRAINER_CRASHED.*{how}.*out of memory"):
        process.check_ended_well(folder, status, process.MOST_KILLS)


def test_an_exception_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"TRAINER_CRASHED.*exit status 1"):
        process.check_ended_well(RunFolder(tmp_path), 1, 1)


def test_a_kill_is_not_taken_for_the_cause_of_an_earlier_attempt(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_failure(Failure(code="LOSS_NAN", message="loss is nan at step 3", remedy="lower the rate"))
    with pytest.raises(Unavailable, match="TRAINER_KILLED"):
        process.check_ended_well(folder, -9, 1)


def test_a_good_end_counts_whatever_an_earlier_attempt_left(tmp_path: Path) -> None:
    folder, left = RunFolder(tmp_path), Failure(code="MIX_EMPTY", message="no rows", remedy="add some")
    folder.write_failure(left)
    process.check_ended_well(folder, 0, 1)
    assert folder.read_failure() == left


def test_the_worker_side_imports_no_torch() -> None:
    heavy = {"torch", "transformers", "trl", "peft"}
    code = "import sys, activities.training.activity; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=process.CHECKOUT
    )
    assert not heavy & set(done.stdout.split())

"""The activity over a real registry and a real subprocess: what it reports, what it resumes, what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.training import checkpoints, metrics, process
from activities.training.activity import TrainingActivities
from activities.training.job import RunFolder
from activities.training.stored import Stored
from activities.training.supervision import Attempt, supervise
from assay.contracts.errors import Conflict, IntegrityRefused, TrainingFailed, Unavailable
from assay.contracts.training import TrainingProgress, TrainJob
from assay.settings import Settings
from registry import Registry

TRAINER = process.CHECKOUT / "activities" / "training" / "sft.py"


def test_a_run_reports_itself_and_ends_with_candidates(settings: Settings, make_job: Callable[..., TrainJob]) -> None:
    environment, heard = ActivityEnvironment(), list[TrainingProgress]()
    environment.on_heartbeat = heard.append
    job = make_job(max_steps=6)
    result = environment.run(TrainingActivities(settings).train, job)
    assert [candidate.step for candidate in result.candidates] == [4, 6]
    assert len({candidate.adapter for candidate in result.candidates}) == 2
    assert (result.steps, result.resumed_from_step, result.attempts) == (6, 0, 1)
    assert result.tokens_per_second > 0
    assert heard[0].max_steps == 6
    registry = Registry.open(settings)
    assert registry.runs.get(job.run_id).result == result
    linked = {node.name for node in registry.lineage.descendants(job.run_id) if node.kind == "checkpoint"}
    assert linked > {candidate.files.sha256 for candidate in result.candidates}
    assert {one.checkpoint for one in heard if one.checkpoint} <= linked
    record = json.loads(registry.blobs.get(result.record))
    assert [line["step"] for line in record["metrics"]] == [1, 2, 3, 4, 5, 6]
    assert record["loaded"]["rows"] == {"call": 4, "refusal": 4, "replay": 8}
    registry.close()
    later = ActivityEnvironment()
    later.info = replace(later.info, attempt=3)  # its result was lost on the way
    assert later.run(TrainingActivities(settings).train, job) == result
    other = make_job(max_steps=7)
    with pytest.raises(Conflict, match="RUN_ID_TAKEN"):
        later.run(TrainingActivities(settings).train, other)


def test_another_worker_goes_on_from_the_stored_checkpoint(
    settings: Settings, make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    environment, heard = ActivityEnvironment(), list[TrainingProgress]()
    environment.on_heartbeat = heard.append
    job = make_job(max_steps=200, checkpoint_every=20)
    activities = TrainingActivities(settings)

    def heartbeat(progress: TrainingProgress) -> None:
        if heard and heard[-1].earlier:
            return  # nobody hears the dead
        heard.append(progress)
        if progress.earlier:
            raise KeyboardInterrupt  # as abrupt as a worker's death, in the middle of the watch

    environment.on_heartbeat = heartbeat
    with pytest.raises(KeyboardInterrupt):
        environment.run(activities.train, job)
    known = heard[-1]
    assert known.checkpoint_step
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere", "blob_url": settings.blobs})
    second = ActivityEnvironment()
    second.info = replace(second.info, heartbeat_details=[known.model_dump()], attempt=2)
    result = second.run(TrainingActivities(elsewhere).train, job)
    assert result.resumed_from_step == known.checkpoint_step
    assert (result.steps, result.attempts) == (200, 2)
    registry = Registry.open(elsewhere)
    record = json.loads(registry.blobs.get(result.record))
    registry.close()
    assert [line["step"] for line in record["metrics"]] == list(range(1, 201))
    assert result.loss_first == record["metrics"][0]["loss"]


def test_a_worker_that_dies_after_the_last_checkpoint_leaves_all_to_another(
    settings: Settings, make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    """The other worker has the last heartbeat, the stored checkpoints and no step to train."""
    environment, heard = ActivityEnvironment(), list[TrainingProgress]()

    def heartbeat(progress: TrainingProgress) -> None:
        if heard and heard[-1].checkpoint_step == 5:
            return  # nobody hears the dead
        heard.append(progress)
        if progress.checkpoint_step == 5:
            raise KeyboardInterrupt

    environment.on_heartbeat = heartbeat
    job = make_job(max_steps=5, candidates=3)
    with pytest.raises(KeyboardInterrupt):
        environment.run(TrainingActivities(settings).train, job)
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere", "blob_url": settings.blobs})
    second = ActivityEnvironment()
    second.info = replace(second.info, heartbeat_details=[heard[-1].model_dump()], attempt=2)
    result = second.run(TrainingActivities(elsewhere).train, job)
    assert [candidate.step for candidate in result.candidates] == [2, 4, 5]
    assert (result.steps, result.resumed_from_step) == (5, 5)
    first = metrics.read(settings.home / "runs" / job.run_id / "metrics.jsonl")
    assert (result.loss_first, result.loss_last) == (first[0].loss, first[-1].loss)
    assert result.tokens_per_second == round(metrics.tokens_per_second(first), 1)


def test_a_changed_base_is_not_trained_on(settings: Settings, make_job: Callable[..., TrainJob]) -> None:
    job = make_job(max_steps=2)
    registry = Registry.open(settings)
    base = registry.bases.by_digest(job.request.spec.base.digest)
    (settings.home / "other").mkdir()
    (settings.home / "other" / "config.json").write_text("{}")
    registry.bases.add(base.model_copy(update={"path": str(settings.home / "other")}))
    registry.close()
    with pytest.raises(IntegrityRefused, match="BASE_TAMPERED"):
        ActivityEnvironment().run(TrainingActivities(settings).train, job)


def test_the_cause_the_trainer_left_reaches_the_caller(settings: Settings, make_job: Callable[..., TrainJob]) -> None:
    job = make_job(max_steps=2, max_tokens=16)
    with pytest.raises(TrainingFailed, match="MIX_EMPTY"):
        ActivityEnvironment().run(TrainingActivities(settings).train, job)
    registry = Registry.open(settings)
    assert [run.run for run in registry.runs.search("cause = MIX_EMPTY and max_tokens < 20")] == [job.run_id]
    registry.close()


def test_a_run_in_trouble_ends_with_its_best_checkpoint_by_rule(
    settings: Settings, make_job: Callable[..., TrainJob]
) -> None:
    """Under a rule that takes the usual noise of gradient norms for explosions."""
    rules = {"gradient_exploded": "keep-best", "window": 8, "deviations": 0.01, "patience": 1, "loss_spike": None}
    job = make_job(max_steps=200, checkpoint_every=2, health=rules)
    result = ActivityEnvironment().run(TrainingActivities(settings).train, job)
    (done,) = result.interventions
    assert (done.cause, done.action) == ("GRADIENT_EXPLODED", "keep-best")
    assert result.cause == done.cause
    assert result.candidates[-1].step == done.back_to < done.step <= result.steps + 1 < 200
    registry = Registry.open(settings)
    (found,) = registry.runs.search("cause = GRADIENT_EXPLODED")
    assert (found.run, found.outcome) == (job.run_id, "finished")
    assert json.loads(registry.blobs.get(result.record))["interventions"] == [done.model_dump()]
    registry.close()


def test_a_stopping_worker_saves_stores_and_hands_over(settings: Settings, make_job: Callable[..., TrainJob]) -> None:
    environment, heard = ActivityEnvironment(), list[TrainingProgress]()

    def heartbeat(progress: TrainingProgress) -> None:
        heard.append(progress)
        if progress.step >= 3:
            environment.worker_shutdown()

    environment.on_heartbeat = heartbeat
    job = make_job(max_steps=100_000, checkpoint_every=100_000)
    with pytest.raises(Unavailable, match="WORKER_STOPPING"):
        environment.run(TrainingActivities(settings).train, job)
    last = heard[-1]
    assert last.checkpoint_step == last.step >= 3
    assert last.checkpoint
    registry = Registry.open(settings)
    assert registry.blobs.has(last.checkpoint)
    registry.close()


def test_a_run_ends_when_its_budget_is_spent_and_keeps_its_checkpoints(
    make_run: Callable[..., RunFolder], settings: Settings
) -> None:
    folder, heard = make_run("dear", max_steps=100_000), list[TrainingProgress]()
    registry = Registry.open(settings)

    def clock() -> float:
        return 120.0 if checkpoints.steps(folder.checkpoints) else 60.0

    attempt = Attempt(kills=0, resumed_from=0, spent=100.0, allowed=150.0, pause=pause, clock=clock)
    trainer = process.start(folder)
    with pytest.raises(TrainingFailed, match=r"BUDGET_SPENT.*2\.5 minutes"):
        supervise(folder, trainer, Stored(folder, registry.blobs, None), heard.append, attempt)
    assert not is_running(trainer.pid)
    last = heard[-1]
    assert last.device_seconds == 160.0
    assert last.checkpoint
    assert registry.blobs.has(last.checkpoint)
    registry.close()


def pause() -> bool:
    time.sleep(0.05)
    return False


def test_a_slow_start_is_alive_and_keeps_what_was_known(settings: Settings, make_job: Callable[..., TrainJob]) -> None:
    """A worker that dies while it hashes the base must not make the run forget its checkpoints."""
    environment, heard = ActivityEnvironment(), list[TrainingProgress]()
    known = TrainingProgress(step=7, max_steps=9, device_seconds=30.0)
    environment.info = replace(environment.info, heartbeat_details=[known.model_dump()], attempt=2)
    environment.on_heartbeat = heard.append
    job = make_job(max_steps=9, max_tokens=16)
    with pytest.raises(TrainingFailed, match="MIX_EMPTY"):
        environment.run(TrainingActivities(settings).train, job)
    assert heard[0] == known
    assert heard[-1].device_seconds > 30


STARTER = """
import sys, time
from pathlib import Path
from activities.training import process
from activities.training.job import RunFolder
print(process.start(RunFolder(Path(sys.argv[1]))).pid, flush=True)
time.sleep(600)
"""


def test_a_trainer_does_not_outlive_a_killed_worker(make_run: Callable[..., RunFolder]) -> None:
    folder = make_run("orphan", max_steps=100_000)
    worker = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder.workdir)], cwd=process.CHECKOUT, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    trainer = int(worker.stdout.readline())
    assert is_running(trainer)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 30
    while is_running(trainer):
        assert time.monotonic() < deadline, "the trainer trains on without its worker"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_a_stopped_trainer_has_saved(make_run: Callable[..., RunFolder]) -> None:
    folder = make_run("stopped", max_steps=100_000, checkpoint_every=100_000)
    trainer = process.start(folder)
    deadline = time.monotonic() + 120
    while process.progress(folder, 100_000, 0).step < 3:
        assert trainer.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.stop(trainer)
    assert checkpoints.steps(folder.checkpoints) == [process.progress(folder, 100_000, 0).step]
    assert trainer.returncode not in (0, -signal.SIGKILL)

"""The trainer itself: a resume is exact, a bad loss ends the run, its adapters load elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from activities.training import checkpoints, job, metrics, sft
from activities.training.export import CONFIG, WEIGHTS, export_adapter
from activities.training.job import RunFolder
from assay.contracts.base import BasePin
from assay.contracts.training import MixShare

MakeRun = Callable[..., RunFolder]


def run_trainer(workdir: str) -> None:
    """As the command line would, in a process that has imported already."""
    sys.argv = ["sft", "--workdir", workdir]
    sys.exit(sft.main())


@pytest.fixture
def start(trainers: ForkServerContext) -> Callable[[RunFolder], BaseProcess]:
    def begin(folder: RunFolder) -> BaseProcess:
        process = trainers.Process(target=run_trainer, args=(str(folder.workdir),))
        process.start()
        return process

    return begin


Start = Callable[[RunFolder], BaseProcess]


def finish(process: BaseProcess) -> int | None:
    process.join(120)
    return process.exitcode


def kill_after_first_checkpoint(process: BaseProcess, folder: RunFolder) -> int:
    """SIGKILL, which nothing can catch. Returns the step of the newest whole checkpoint."""
    deadline = time.monotonic() + 120
    while checkpoints.newest(folder.checkpoints) is None:
        assert time.monotonic() < deadline, folder.log
        time.sleep(0.005)
    process.kill()
    process.join()
    newest = checkpoints.newest(folder.checkpoints)
    assert newest is not None
    return newest.step


def test_a_killed_run_goes_on_bit_for_bit(make_run: MakeRun, start: Start) -> None:
    whole, killed = make_run("whole", max_steps=40), make_run("killed", max_steps=40)
    assert finish(start(whole)) == 0
    reached = kill_after_first_checkpoint(start(killed), killed)
    assert 0 < reached < 40
    assert finish(start(killed)) == 0
    for name in set(checkpoints.RESUMED_FILES) - {"trainer_state.json"}:  # holds the seconds that evaluations took
        one, other = (checkpoints.newest(folder.checkpoints) for folder in (whole, killed))
        assert one is not None
        assert other is not None
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    assert [m.loss for m in metrics.read(whole.metrics)] == [m.loss for m in metrics.read(killed.metrics)]


def test_a_stopped_run_ends_as_if_it_had_not_been(make_run: MakeRun, start: Start) -> None:
    recipe = {"max_steps": 41, "checkpoint_every": 10}
    whole, stopped = make_run("whole", **recipe), make_run("stopped", **recipe)
    assert finish(start(whole)) == 0
    process, deadline = start(stopped), time.monotonic() + 120
    while metrics.last(stopped.metrics) is None:
        assert time.monotonic() < deadline, stopped.log
        time.sleep(0.005)
    process.terminate()
    assert finish(process) == job.STOPPED
    saved = checkpoints.newest(stopped.checkpoints)
    assert saved is not None
    assert metrics.read(saved.path / checkpoints.METRICS) == metrics.read(stopped.metrics)
    assert finish(start(stopped)) == 0
    last = [[c.path for c in checkpoints.valid(folder.checkpoints)] for folder in (whole, stopped)]
    assert [path.name for path in last[0]] == [path.name for path in last[1]] == [f"step-0000{n}" for n in (30, 40, 41)]
    assert [(path / WEIGHTS).read_bytes() for path in last[0]] == [(path / WEIGHTS).read_bytes() for path in last[1]]


def test_a_torn_checkpoint_falls_back_to_the_one_before(make_run: MakeRun, start: Start) -> None:
    folder = make_run("torn", max_steps=6)
    assert finish(start(folder)) == 0
    last = checkpoints.newest(folder.checkpoints)
    assert last is not None
    expected = (last.path / WEIGHTS).read_bytes()
    (last.path / "optimizer.pt").write_bytes(b"half")
    fallback = checkpoints.newest(folder.checkpoints)
    assert fallback is not None
    assert fallback.step == 4
    assert finish(start(folder)) == 0
    again = checkpoints.newest(folder.checkpoints)
    assert again is not None
    assert (again.step, (again.path / WEIGHTS).read_bytes()) == (6, expected)


def test_a_loss_that_is_no_number_ends_the_run_with_its_cause(make_run: MakeRun, start: Start) -> None:
    folder = make_run("nan", max_steps=8, learning_rate=1e30, warmup_steps=0)
    assert finish(start(folder)) == job.FAILED
    failure = folder.read_failure()
    assert failure is not None
    assert failure.code == "LOSS_NAN"
    assert "learning rate" in failure.remedy


def test_a_mix_without_rows_is_refused_by_name(make_run: MakeRun, start: Start) -> None:
    folder = make_run("empty", max_steps=2, max_tokens=16)
    assert finish(start(folder)) == job.FAILED
    failure = folder.read_failure()
    assert failure is not None
    assert failure.code == "MIX_EMPTY"


def test_a_mix_without_replay_trains_on_calls_alone(make_run: MakeRun, start: Start) -> None:
    mix = (MixShare(kind="call", rows_per_batch=3, first_token_weight=4), MixShare(kind="replay", rows_per_batch=0))
    folder = make_run("narrow", max_steps=8, mix=mix, learning_rate=0.02)
    assert finish(start(folder)) == 0
    assert set(folder.read_loaded().rows) == {"call"}
    losses = [m.loss for m in metrics.read(folder.metrics)]
    assert losses[-1] < losses[0]


def load_with_peft(adapter: str, base: str) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    tokens = torch.arange(3, 20)[None]
    before = plain(tokens).logits
    tuned = PeftModel.from_pretrained(plain, adapter)
    changed = (tuned(tokens).logits - before).abs().max().item()
    sys.exit(0 if changed > 1e-4 else 1)


def test_an_exported_adapter_loads_with_peft_and_says_its_base(
    make_run: MakeRun, start: Start, trainers: ForkServerContext, tmp_path: Path
) -> None:
    folder = make_run("exported", max_steps=2)
    assert finish(start(folder)) == 0
    checkpoint, run = checkpoints.newest(folder.checkpoints), folder.read_run()
    assert checkpoint is not None
    adapter = export_adapter(checkpoint, run.base, tmp_path / "adapter")
    assert sorted(path.name for path in adapter.iterdir()) == [CONFIG, WEIGHTS]
    again = export_adapter(checkpoint, run.base, tmp_path / "again")
    assert (adapter / CONFIG).read_bytes() == (again / CONFIG).read_bytes()
    loader = trainers.Process(target=load_with_peft, args=(str(adapter), str(run.base_dir)))
    loader.start()
    assert finish(loader) == 0


def test_an_export_for_another_base_says_so(make_run: MakeRun, start: Start, tmp_path: Path) -> None:
    folder = make_run("pinned", max_steps=2)
    assert finish(start(folder)) == 0
    checkpoint = checkpoints.newest(folder.checkpoints)
    assert checkpoint is not None
    pin = BasePin(repository="somebody/else", revision="v7", digest="sha256:" + "1" * 64)
    text = (export_adapter(checkpoint, pin, tmp_path / "adapter") / CONFIG).read_text()
    assert '"base_model_name_or_path": "somebody/else"' in text
    assert '"revision": "v7"' in text

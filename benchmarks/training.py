"""What training under Assay costs, and what a checkpoint stalls.

    python benchmarks/training.py [--base DIR] [--steps 30] [--repeats 3]

*Wall time*: the `train` activity (subprocess, heartbeats, registry, durable checkpoints, health) against the same TRL
trainer alone in a plain process: same rows, loss, seed, evaluations and cadence of checkpoints, which the library then
writes in its own way (on the training thread, not flushed, no digests). The loop (`train_runtime` as TRL prints it) and
what comes before and after it are shown apart: the first is what a long run costs, the second is paid once.

*Stall*: how long a checkpoint holds up the training thread, ours beside the training against the same bytes written,
flushed and sealed on that thread; taken in turns in one process, on one state.

The arms take turns. Medians of stalls; of the repeated runs the fastest, which is the one least disturbed by whatever
else the machine does. On a busy machine the ratio of processor times says more than that of wall times.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pyarrow as pa
from pyarrow import parquet
from temporalio.testing import ActivityEnvironment

from activities.training.activity import TrainingActivities
from activities.training.job import RunFolder
from activities.training.process import CHECKOUT, ENVIRONMENT
from activities.training.run import prepare
from assay.contracts.base import BasePin
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.training import DatasetShare, LoraSpec, MixShare, PinnedTraining, Recipe, RunSpec, TrainJob
from assay.settings import Settings
from benchmarks.report import Report, median, options
from registry import BaseRecord, Registry
from serving.material import pin_of, prepare_base_model
from serving.template import template_digest

RUNTIME: Final = re.compile(r"'train_runtime': '?([\d.]+)")
EVERY: Final = 10
"""Steps between checkpoints of the runs whose wall time is compared."""
MIX: Final = (
    MixShare(kind="call", rows_per_batch=1, first_token_weight=4),
    MixShare(kind="refusal", rows_per_batch=1, first_token_weight=6),
    MixShare(kind="replay", rows_per_batch=1, first_token_weight=6, objective="kl-to-base", weight=2),
)


class Run(NamedTuple):
    """Seconds of one run. `processor` is user and system time of all its processes, the worker's part included."""

    wall: float
    loop: float
    processor: float


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Small rows of the three kinds."""
    for number in range(count):
        for kind in ("call", "refusal", "replay"):
            function = {"name": f"weather_{number}", "arguments": {"city": f"Ulm {number}"}}
            answer: dict[str, Any] = {"role": "assistant", "content": f"I have no tool for question {number}."}
            if kind == "call":
                answer = {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"type": "function", "function": function}],
                }
            properties = {"city": {"type": "string"}}
            tool = {"name": f"weather_{number}", "parameters": {"type": "object", "properties": properties}}
            yield {
                "row_id": f"{kind}-{number}",
                "kind": kind,
                "messages": json.dumps([{"role": "user", "content": f"What about Ulm {number}?"}, answer]),
                "tools": json.dumps([] if kind == "replay" else [{"type": "function", "function": tool}]),
            }


def make_job(settings: Settings, base: Path, pin: BasePin, recipe: Recipe) -> TrainJob:
    """Register base and dataset, ask for a run."""
    registry = Registry.open(settings)
    template = template_digest()
    registry.bases.add(BaseRecord(pin=pin, licence="Apache-2.0", path=str(base), template=template, max_context=2048))
    shard = settings.home / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist(list(rows(64))), shard)
    stored = registry.blobs.put_file(shard)
    manifest = registry.blobs.put(json.dumps({"shards": [{**stored.model_dump(), "rows": 192}]}).encode())
    dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts(read=192, accepted=192))
    source = Source(
        name="benchmark",
        uri="rows.jsonl",
        system="benchmark",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="not-required",
        retention_days=1,
        tier="curated",
    )
    intake = IntakeRequest(tenant="acme", dataset="calls", sources=(source,), requested_by="ann")
    registry.datasets.add(dataset, intake, manifest, ())
    registry.close()
    spec = RunSpec(base=pin, datasets=(DatasetShare(dataset=dataset.id),), template=template, recipe=recipe)
    request = PinnedTraining(tenant="acme", model="helpdesk", version=1, spec=spec, requested_by="ann")
    return TrainJob(run_id="acme.helpdesk.1", request=request)


@contextmanager
def house(base: Path, pin: BasePin, recipe: Recipe) -> Iterator[tuple[Settings, TrainJob]]:
    """An installation of its own with one job."""
    with tempfile.TemporaryDirectory(prefix="assay-benchmark-") as folder:
        home = Path(folder)
        settings = Settings(home=home, database_url=f"sqlite:///{home / 'registry.sqlite'}")
        yield settings, make_job(settings, base, pin, recipe)


def under_assay(base: Path, pin: BasePin, recipe: Recipe) -> Run:
    """One run as a worker does it, without the Temporal server between."""
    with house(base, pin, recipe) as (settings, job):
        began, used = time.monotonic(), _processor()
        ActivityEnvironment().run(TrainingActivities(settings).train, job)
        wall, used = time.monotonic() - began, _processor() - used
        log = (settings.home / "runs" / job.run_id / "trainer.log").read_text("utf-8", "replace")
    return Run(wall, _runtime(log), used)


def alone(base: Path, pin: BasePin, recipe: Recipe) -> Run:
    """The same trainer in a plain process. Its rows were brought before the clock starts."""
    with house(base, pin, recipe) as (settings, job):
        folder = _prepared(settings, job)
        began, used = time.monotonic(), _processor()
        said = _child("alone", folder)
        return Run(time.monotonic() - began, _runtime(said), _processor() - used)


def stalls(base: Path, pin: BasePin, recipe: Recipe) -> dict[str, list[float]]:
    """Seconds that checkpoints held up the training thread, by way of saving; and of steps."""
    with house(base, pin, recipe) as (settings, job):
        folder = _prepared(settings, job)
        _child("stalls", folder)
        found: dict[str, list[float]] = json.loads((folder.workdir / "stalls.json").read_text())
        return found


def _prepared(settings: Settings, job: TrainJob) -> RunFolder:
    registry = Registry.open(settings)
    folder = prepare(job, registry, settings.home / "runs" / job.run_id)
    registry.close()
    return folder


def _child(what: str, folder: RunFolder) -> str:
    command = [sys.executable, str(Path(__file__).resolve()), "--child", what, "--workdir", str(folder.workdir)]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    return done.stdout + done.stderr


def _processor() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _runtime(said: str) -> float:
    found = RUNTIME.findall(said)
    return float(found[-1])


def train_alone(folder: RunFolder) -> None:
    """TRL with its own checkpoints and nothing of ours around it."""
    import torch
    from transformers import AutoTokenizer, Trainer, TrainerCallback

    from activities.training import sft
    from activities.training.trainer import MixTrainer
    from activities.training.watch import Stop

    class Quiet(TrainerCallback):
        """In the place of our watch."""

        tokens, steps = 0, ()

    class Alone(MixTrainer):
        """Saves as the library does."""

        def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401  # the library's signature
            Trainer._save_checkpoint(self, model, trial)

    run = folder.read_run()
    torch.set_num_threads(run.threads)
    tokenizer = AutoTokenizer.from_pretrained(run.base_dir, local_files_only=True)
    batches, _ = sft.load_batches(run, tokenizer)
    made = sft.make_trainer(folder, run, tokenizer, batches, None, (), Stop())
    made.__class__ = Alone
    for callback in [one for one in made.callback_handler.callbacks if type(one).__name__ == "Watch"]:
        made.remove_callback(callback)
    made._watch = Quiet()  # type: ignore[assignment]
    made.train()


def _timed(function: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the wrapped one's own signature
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            into.append(time.perf_counter() - began)

    return timed


def measure_stalls(folder: RunFolder) -> None:
    """Train; save beside the training, on its thread, and as the library does, in turns. Times go to `stalls.json`."""
    import torch
    from transformers import AutoTokenizer, Trainer, TrainerCallback

    from activities.training import sft
    from activities.training.trainer import MixTrainer
    from activities.training.watch import Stop, Watch

    times: dict[str, list[float]] = {
        "beside": [],
        "on the thread": [],
        "library": [],
        "quiet": [],
        "written": [],
        "watched": [],
    }

    class Timed(MixTrainer):
        """Saves in turns."""

        turn = 0

        def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401  # the library's signature
            way = ("beside", "on the thread", "library")[self.turn % 3]
            self.turn += 1
            self._writer.wait()
            began = time.perf_counter()
            if way == "library":
                Trainer._save_checkpoint(self, model, trial)
            else:
                super()._save_checkpoint(model, trial)
                if way == "on the thread":
                    self._writer.wait()
            times[way].append(time.perf_counter() - began)

    for name in ("on_step_begin", "on_step_end", "on_log"):
        setattr(Watch, name, _timed(getattr(Watch, name), times["watched"]))

    class Steps(TrainerCallback):
        """Times steps, apart those that begin while a checkpoint is written."""

        began, busy = 0.0, False

        def on_step_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401  # the library's signature
            self.began, self.busy = time.perf_counter(), made._writer.busy

        def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401  # the library's signature
            times["written" if self.busy else "quiet"].append(time.perf_counter() - self.began)

    run = folder.read_run()
    torch.set_num_threads(run.threads)
    tokenizer = AutoTokenizer.from_pretrained(run.base_dir, local_files_only=True)
    batches, _ = sft.load_batches(run, tokenizer)
    made = sft.make_trainer(folder, run, tokenizer, batches, None, (), Stop())
    made.__class__ = Timed
    made.add_callback(Steps())
    made.train()
    made.finish()
    (folder.workdir / "stalls.json").write_text(json.dumps(times))


def summarise(report: Report, assay: list[Run], plain: list[Run], times: dict[str, list[float]], steps: int) -> None:
    """Rows of the table. The first save of each way makes its memory and is left out."""
    ours, theirs = min(run.loop for run in assay), min(run.loop for run in plain)
    outside = [min(run.wall - run.loop for run in runs) for runs in (assay, plain)]
    used = [min(run.processor for run in runs) for runs in (assay, plain)]
    hour = (3600 * ours / theirs + outside[0]) / (3600 + outside[1])
    report.add("loop under Assay / alone", ours / theirs, "ratio", at_most=1.01)
    report.add("a run of one hour under Assay / alone (from the other rows)", hour, "ratio", at_most=1.01)
    report.add(f"loop under Assay, {steps} steps", ours, "s")
    report.add(f"loop alone, {steps} steps", theirs, "s")
    report.add(f"processor time of {steps} steps and all around them, under Assay / alone", used[0] / used[1], "ratio")
    report.add("before and after the loop under Assay", outside[0], "s")
    report.add("before and after the loop alone", outside[1], "s")
    _stalls(report, times)


def _stalls(report: Report, times: dict[str, list[float]]) -> None:
    stall = {way: median(times[way][1:]) for way in ("beside", "on the thread", "library")}
    quiet = median(times["quiet"])
    added = (sum(times["watched"]) / len(times["quiet"] + times["written"]) + stall["beside"] / EVERY) / quiet
    report.add("stall beside / on the training thread", stall["beside"] / stall["on the thread"], "ratio", at_most=0.05)
    report.add("stall beside the training", 1000 * stall["beside"], "ms")
    report.add("stall on the training thread (written, flushed, sealed)", 1000 * stall["on the thread"], "ms")
    report.add("stall of the library's own save (not flushed, not sealed)", 1000 * stall["library"], "ms")
    report.add("added by watch and checkpoints / a step, measured inside", added, "ratio", at_most=0.01)
    report.add("step while a checkpoint is written", median(times["written"]), "s")
    report.add("other steps", quiet, "s")


@options
@click.option("--base", type=click.Path(path_type=Path), help="Directory of a prepared base; made when absent.")
@click.option("--steps", default=30, show_default=True, help="Steps of each run.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each arm.")
@click.option("--child", hidden=True, type=click.Choice(["alone", "stalls"]))
@click.option("--workdir", hidden=True, type=click.Path(path_type=Path))
def main(
    out: Path | None, base: Path | None, steps: int, repeats: int, child: str | None, workdir: Path | None
) -> None:
    """Measure training and its checkpoints."""
    if child:
        assert workdir is not None
        (train_alone if child == "alone" else measure_stalls)(RunFolder(workdir))
        return
    base = (base or Settings().home / "base").resolve()
    pin = prepare_base_model(base) if not base.exists() else pin_of(base)
    recipe = Recipe(mix=MIX, max_steps=steps, checkpoint_every=EVERY, max_tokens=256, lora=LoraSpec())
    assay, plain = list[Run](), list[Run]()
    for number in range(repeats):
        click.echo(f"run {number + 1} of {repeats}", err=True)
        assay.append(under_assay(base, pin, recipe))
        plain.append(alone(base, pin, recipe))
    often = recipe.model_copy(update={"max_steps": 24, "checkpoint_every": 2})
    report = Report("training", f"Training {steps} steps, and its checkpoints")
    summarise(report, assay, plain, stalls(base, pin, often), steps)
    report.write(out)


if __name__ == "__main__":
    main()

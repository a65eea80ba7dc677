"""A whole intake by its activities, with one and with two scanning processes: rates, memory, and what the ledger takes.

    python benchmarks/intake_scale.py [--rows 4000] [--shard-rows 10000] [--seed 1]

Rows are made anew: each joins two texts of the labelled sample (benchmarks/labelled.py), so that none repeats another.
With more than `MOST_TWICE` rows only two processes are measured. Memory is what this process and its scanning processes
take together, sampled, less what they took when their models were loaded. Everything is timed by the clock, with a real
OPA beside it. A million rows (`--rows 1000000`) take half an hour to an hour.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import psutil
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.runners import Processes
from assay.contracts.data import IntakeRequest, Source
from assay.contracts.screening import (
    ClearJob,
    CompareJob,
    DecidedShard,
    DecideJob,
    IntakeKey,
    PlanJob,
    RawShard,
    ScanJob,
    ScannedShard,
    ScreenedSource,
    SealJob,
    SourcePlan,
)
from assay.settings import ScanningSettings, Settings
from benchmarks.labelled import samples
from benchmarks.opa import started_opa
from benchmarks.report import Report, options
from registry import Registry

T = TypeVar("T")
MOST_TWICE: Final = 20_000
AIM_BYTES: Final = 1 << 30
AIM_ROWS: Final = 1_000_000
"""Of memory beyond the models, at so many rows: fewer say nothing about it."""
_SAMPLE: Final = 3000


def write_source(folder: Path, rows: int, seed: int) -> Source:
    """A JSONL source, written as a stream."""
    texts, chance = [sample.text for sample in samples(_SAMPLE, seed)], random.Random(seed)  # noqa: S311  # a sample
    with (folder / "tickets.jsonl").open("w", encoding="utf-8") as out:
        for number in range(rows):
            prompt = f"{chance.choice(texts)} {chance.choice(texts)} Ticket {number}."
            answer = f"Thank you. {chance.choice(texts)}"
            messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
            row = {"id": f"t{number}", "kind": "replay", "messages": messages, "subject": f"s{number // 20}"}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return Source(
        name="tickets",
        uri=str(folder / "tickets.jsonl"),
        system="crm",
        owner="ann",
        licence="Apache-2.0",
        purposes=("train-tenant-model",),
        consent="contract",
        retention_days=365,
        tier="curated",
    )


class Memory:
    """What a process and its children take, sampled."""

    def __init__(self) -> None:
        self.peak = self.base = 0

    def now(self) -> int:
        """Bytes, at this moment; pages that several share count once for each."""
        own, total = psutil.Process(), 0
        for process in (own, *own.children(recursive=True)):
            try:
                total += process.memory_info().rss if process.name() != "opa" else 0
            except psutil.NoSuchProcess:
                continue
        return total

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Look every fifth of a second."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(0.2):
                self.peak = max(self.peak, self.now())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class Intake:
    """The activities one after the other, as the workflow has them done; shards are scanned `lanes` at once."""

    def __init__(self, report: Report, home: Path, opa: str, lanes: int, shard_rows: int) -> None:
        settings = Settings(home=home, opa_url=opa, scanning=ScanningSettings(processes=lanes, shard_rows=shard_rows))
        self.runner = Processes(lanes)
        self.activities, self.registry = DataActivities(settings, self.runner), Registry.open(settings)
        self._report, self._lanes = report, lanes
        self._key = IntakeKey(tenant="acme", dataset=f"lanes-{lanes}", version=1, purpose="train-tenant-model")

    def timed(self, what: str, rows: int, work: Callable[[], T]) -> tuple[T, float]:
        """What the work gives, and its rate, which becomes a row of the report."""
        began = time.perf_counter()
        given = work()
        rate = rows / (time.perf_counter() - began)
        self._report.add(f"{self._lanes} process{'es' if self._lanes > 1 else ''}: {what}", rate, "rows/s")
        return given, rate

    def run(self, source: Source, rows: int) -> tuple[float, int]:
        """Rows scanned a second, and bytes of the ledger."""
        plan, _ = self.timed("reading and staging", rows, lambda: self._plan(source))
        found, rate = self.timed("scanning", rows, lambda: self._all(lambda one: self._scan(source, one), plan))
        compare = CompareJob(intake=self._key, shards=tuple(found))
        compared, _ = self.timed("comparing", rows, lambda: _do(self.activities.compare_shards, compare))
        jobs = [
            DecideJob(
                intake=self._key, source=source, admitted=plan.admitted, shard=shard, found=one.found, repeats=again
            )
            for shard, one, again in zip(plan.shards, found, compared.repeats, strict=True)
        ]
        decided, _ = self.timed(
            "deciding", rows, lambda: self._all(lambda shard: self._decide(jobs[shard.number]), plan)
        )
        request = IntakeRequest(tenant="acme", dataset=self._key.dataset, sources=(source,), requested_by="ann")
        done = ScreenedSource(source=source.name, digest=plan.digest, shards=tuple(decided))
        seal = SealJob(request=request, screened=(done,))
        dataset, _ = self.timed("sealing", rows, lambda: _do(self.activities.seal_dataset, seal))
        staged = (*(shard.content for shard in plan.shards), *(one.found for one in found))
        _do(self.activities.clear_stage, ClearJob(intake=self._key, staged=staged))
        ledger = self.registry.datasets.get(dataset.id).ledger
        return rate, len(self.registry.blobs.get(ledger.sha256))

    def warm(self, source: Source) -> None:
        """Have every process load its models."""
        plan = self._plan(source)
        self._all(lambda shard: self._scan(source, shard), plan)

    def _plan(self, source: Source) -> SourcePlan:
        plan: SourcePlan = _do(self.activities.plan_source, PlanJob(intake=self._key, source=source))
        return plan

    def _scan(self, source: Source, shard: RawShard) -> ScannedShard:
        job = ScanJob(intake=self._key, source=source.name, shard=shard)
        found: ScannedShard = _do(self.activities.scan_shard, job)
        return found

    def _decide(self, job: DecideJob) -> DecidedShard:
        decided: DecidedShard = _do(self.activities.decide_shard, job)
        return decided

    def _all(self, work: Callable[[RawShard], T], plan: SourcePlan) -> list[T]:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self._lanes + 1) as threads:
            return list(threads.map(work, plan.shards))


def _do(activity: Callable[..., Any], job: Any) -> Any:  # noqa: ANN401  # a job of any activity, and its result
    return ActivityEnvironment().run(activity, job)


def measure(report: Report, home: Path, opa: str, lanes: int, sources: tuple[Source, Source], size: Size) -> float:
    """One intake; rows scanned a second."""
    warm, source = sources
    intake, memory = Intake(report, home, opa, lanes, size.shard_rows), Memory()
    intake.warm(warm)
    memory.base = memory.now()
    with memory.sampled():
        rate, ledger = intake.run(source, size.rows)
    intake.activities.close()
    intake.registry.close()
    if lanes == max(size.lanes):
        report.add("the ledger, stored", ledger / size.rows, "bytes a row")
        report.add("memory with the models loaded", memory.base / 2**20, "MiB")
        beyond = max(0, memory.peak - memory.base) / 2**20
        aim = AIM_BYTES / 2**20 if size.rows >= AIM_ROWS else None
        report.add("peak memory beyond the models", beyond, "MiB", at_most=aim)
    return rate


class Size:
    """How much is measured."""

    def __init__(self, rows: int, shard_rows: int) -> None:
        self.rows, self.shard_rows = rows, shard_rows
        self.lanes = (1, 2) if rows <= MOST_TWICE else (2,)


@options
@click.option("--rows", default=4000, show_default=True)
@click.option("--shard-rows", default=1000, show_default=True, help="10,000 is the setting's default")
@click.option("--seed", default=1, show_default=True)
def main(out: Path | None, rows: int, shard_rows: int, seed: int) -> None:
    """Measure an intake as a whole."""
    report, size, rates = Report("intake_scale", f"A whole intake of {rows:,} rows"), Size(rows, shard_rows), {}
    if rows >= AIM_ROWS:  # its own place in docs/performance.md, which `make bench` leaves as it is
        report.name = "intake_million"
    for lanes in size.lanes:
        with tempfile.TemporaryDirectory() as scratch, started_opa(Path(scratch)) as opa:
            home = Path(scratch)
            (home / "warm").mkdir()
            sources = write_source(home / "warm", min(rows, 400), seed + 1), write_source(home, rows, seed)
            rates[lanes] = measure(report, home, opa, lanes, sources, size)
    for lanes, rate in rates.items():
        report.add(f"scanning, rows a second a core ({lanes})", rate / lanes, "rows/s")
    if len(rates) > 1:
        report.add("scanning, two processes / one", rates[2] / rates[1], "ratio")
    report.write(out)


if __name__ == "__main__":
    main()

"""Scanning in processes and on a real local Ray cluster: the same bytes, and nothing lost when a process dies."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as arrow
import pytest
from temporalio.testing import ActivityEnvironment

from activities.data.activity import MOST_DEATHS, DataActivities
from activities.data.checks import Checks, Contamination
from activities.data.findings import Scanner
from activities.data.ray_runner import OnRay
from activities.data.runners import Processes, Runner, runner_of
from activities.data.scanning import Look, installed_scanner
from activities.data.shards import scan
from activities.data.staging import Portions, groups, stage
from assay.contracts.data import Source
from assay.contracts.errors import InputRefused, Unavailable
from assay.contracts.screening import DecideJob, IntakeKey, PlanJob, RawShard, ScanJob
from assay.settings import ScanningSettings, Settings
from registry import Registry

# Ray warns about settings of its own that nobody here makes, and of one that is made and has no other name yet.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore:.ray_remote_args. is deprecated:DeprecationWarning"),
]
KEY = IntakeKey(tenant="acme", dataset="runners", version=1, purpose="train-tenant-model")


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    runner = Processes(2)
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def on_ray() -> Iterator[Runner]:
    runner = runner_of(ScanningSettings(runner="ray", processes=2))
    assert isinstance(runner, OnRay)
    yield runner
    runner.close()


@pytest.fixture
def raw(settings: Settings, rows: Path, tmp_path: Path) -> Path:
    """A staged shard of some of the demonstration's rows."""
    lines = (rows / "refusals.jsonl").read_bytes().splitlines(keepends=True)[:300]
    (tmp_path / "some.jsonl").write_bytes(b"".join(lines))
    source = Source(
        name="refusals",
        uri=str(tmp_path / "some.jsonl"),
        system="helpdesk",
        owner="ann",
        licence="MIT",
        purposes=("train-tenant-model",),
        consent="granted",
        retention_days=30,
        tier="curated",
    )
    store = Registry.open(settings).shards
    from activities.data.readers import source_digest

    [shard] = stage(KEY, source, source_digest(source), store, Portions(), lambda _: None)
    return store.fetch_file(shard.content, tmp_path / "raw.parquet")


def test_ray_and_processes_give_the_same_bytes(raw: Path, tmp_path: Path, processes: Processes, on_ray: Runner) -> None:
    def found(runner: Runner, name: str) -> bytes:
        return scan(Look(), runner, raw, tmp_path / name, "same", lambda _: None).read_bytes()

    one, other = found(processes, "processes"), found(on_ray, "ray")
    assert one == other
    assert sum(group.num_rows for group in groups(tmp_path / "ray")) == 300


def test_what_is_large_travels_once_and_gives_the_same(raw: Path, tmp_path: Path, processes: Processes) -> None:
    many = Contamination(runs=frozenset(range(50_000)))
    assert len(pickle.dumps(Look(Checks(many)))) > 1 << 16
    one = scan(Look(Checks(many)), processes, raw, tmp_path / "large", "same", lambda _: None).read_bytes()
    assert one == scan(Look(), processes, raw, tmp_path / "small", "same", lambda _: None).read_bytes()


@dataclass(frozen=True)
class Dies:
    """Kills its process at a batch that says so, once or always."""

    mark: Path

    def __call__(self, batch: arrow.RecordBatch) -> arrow.RecordBatch:
        if self.mark.exists():
            self.mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return batch


def batches(count: int = 8) -> list[arrow.RecordBatch]:
    return [arrow.record_batch({"n": [n]}) for n in range(count)]


def numbers(found: Iterator[arrow.RecordBatch]) -> list[int]:
    return [n for batch in found for n in batch["n"].to_pylist()]


def test_a_process_that_dies_is_a_typed_error_and_the_next_try_succeeds(tmp_path: Path, processes: Processes) -> None:
    work = Dies(tmp_path / "mark")
    work.mark.touch()
    with pytest.raises(Unavailable) as died:
        numbers(processes.run(work, batches()))
    assert died.value.code == "SCANNER_DIED"
    assert numbers(processes.run(work, batches())) == list(range(8))


def test_batches_are_taken_as_they_are_worked_on(processes: Processes, tmp_path: Path) -> None:
    taken: list[int] = []

    def counted() -> Iterator[arrow.RecordBatch]:
        for n, batch in enumerate(batches(40)):
            taken.append(n)
            yield batch

    found = processes.run(Dies(tmp_path / "never"), counted())
    next(found)
    assert len(taken) <= 5
    assert numbers(found) == list(range(1, 40))


class Dead:
    """A runner whose processes always die."""

    lanes = 1

    def run(self, work: Any, batches: Any) -> Iterator[arrow.RecordBatch]:
        raise Unavailable("SCANNER_DIED", "again", "try again")

    def close(self) -> None:
        pass


def test_rows_that_kill_every_scanner_end_the_intake(settings: Settings, raw: Path) -> None:
    shard = {"number": 0, "rows": 300, "content": Registry.open(settings).shards.put_file(raw)}
    job = ScanJob.model_validate({"intake": KEY, "source": "refusals", "shard": shard})
    environment, activities = ActivityEnvironment(), DataActivities(settings, Dead())
    with pytest.raises(Unavailable):
        environment.run(activities.scan_shard, job)
    environment.info = replace(environment.info, attempt=MOST_DEATHS)
    with pytest.raises(InputRefused) as refused:
        environment.run(activities.scan_shard, job)
    assert refused.value.code == "SHARD_UNSCANNABLE"


@pytest.fixture
def on_both(settings: Settings, activities: DataActivities, on_ray: Runner) -> dict[str, DataActivities]:
    """Data activities of one house: those that scan in processes, and those whose settings say Ray."""
    scanning = settings.scanning.model_copy(update={"runner": "ray"})
    by_setting = DataActivities(settings.model_copy(update={"scanning": scanning}))
    assert isinstance(by_setting._runner, OnRay)
    return {"processes": activities, "ray": by_setting}


@pytest.fixture
def planted(rows: Path, on_both: dict[str, DataActivities]) -> tuple[Source, RawShard]:
    """The demonstration's source of planted rows, and its raw shard."""
    source = Source.model_validate(json.loads((rows / "sources.json").read_text("utf-8"))["planted"])
    plan = ActivityEnvironment().run(on_both["ray"].plan_source, PlanJob(intake=KEY, source=source))
    [shard] = plan.shards
    assert plan.lanes == 2
    return source, shard


def test_activities_that_are_set_to_ray_scan_and_decide_the_same_bytes(
    on_both: dict[str, DataActivities], planted: tuple[Source, RawShard]
) -> None:
    source, shard = planted
    found, decided = {}, {}
    for name, does in on_both.items():
        do = ActivityEnvironment().run
        found[name] = do(does.scan_shard, ScanJob(intake=KEY, source=source.name, shard=shard))
        job = DecideJob(intake=KEY, source=source, admitted=True, shard=shard, found=found[name].found)
        decided[name] = do(does.decide_shard, job)
    assert found["ray"] == found["processes"]
    # Decisions have ids of their own; what was decided is the same to the byte.
    same = {name: one.model_dump(exclude={"decisions"}) for name, one in decided.items()}
    assert same["ray"] == same["processes"]
    assert decided["ray"].counts.redacted > 0


@dataclass(frozen=True)
class Fatal:
    """A scanner that kills the process which asks for it, as long as the mark is there."""

    mark: Path

    def __call__(self) -> Scanner:
        if self.mark.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return installed_scanner()


@pytest.mark.parametrize("name", ["processes", "ray"])
def test_a_process_that_is_killed_while_it_scans_is_a_typed_error_and_nothing_is_lost(
    on_both: dict[str, DataActivities],
    planted: tuple[Source, RawShard],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    source, shard = planted
    job = ScanJob(intake=KEY, source=source.name, shard=shard)
    expected = ActivityEnvironment().run(on_both["processes"].scan_shard, job)
    fatal, environment = Fatal(tmp_path / "mark"), ActivityEnvironment()
    monkeypatch.setattr(on_both[name], "_scanner", fatal)
    fatal.mark.touch()
    with pytest.raises(Unavailable) as died:
        environment.run(on_both[name].scan_shard, job)
    assert died.value.code == "SCANNER_DIED"
    environment.info = replace(environment.info, attempt=MOST_DEATHS)
    with pytest.raises(InputRefused) as refused:
        environment.run(on_both[name].scan_shard, job)
    assert refused.value.code == "SHARD_UNSCANNABLE"
    fatal.mark.unlink()
    assert ActivityEnvironment().run(on_both[name].scan_shard, job) == expected


JOINS = """
import sys, pyarrow
from activities.data.findings import Scanner
from activities.data.ray_runner import OnRay

runner = OnRay(sys.argv[1], 1)
batches = [pyarrow.record_batch({"n": [n]}) for n in range(4)]
print([n for batch in runner.run(lambda batch: batch, batches) for n in batch["n"].to_pylist()])
runner.close()
"""


def test_a_cluster_that_runs_already_is_joined_by_its_address(on_ray: Runner) -> None:
    assert numbers(on_ray.run(Dies(Path("/never")), batches(2))) == [0, 1]
    import ray

    address = ray.get_runtime_context().gcs_address
    joined = subprocess.run([sys.executable, "-c", JOINS, address], capture_output=True, text=True, check=False)
    assert joined.stdout == "[0, 1, 2, 3]\n", joined.stderr
    # Whoever leaves a cluster does not end it.
    assert numbers(on_ray.run(Dies(Path("/never")), batches(2))) == [0, 1]


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "nowhere"])
def test_an_address_at_which_no_cluster_answers_is_a_typed_error(
    settings: Settings,
    planted: tuple[Source, RawShard],
    on_ray: Runner,
    free_port: Callable[[], int],
    address: str,
) -> None:
    on_ray.close()  # whoever is connected stays with its cluster
    source, shard = planted
    stated = {"runner": "ray", "ray_address": address.format(port=free_port())}
    away = DataActivities(settings.model_copy(update={"scanning": settings.scanning.model_copy(update=stated)}))
    with pytest.raises(Unavailable) as unreachable:
        ActivityEnvironment().run(away.scan_shard, ScanJob(intake=KEY, source=source.name, shard=shard))
    assert unreachable.value.code == "RAY_UNREACHABLE"
    assert stated["ray_address"] in unreachable.value.message


PARENT = """
import os, signal, sys, pyarrow
from pathlib import Path
from activities.data.runners import Processes
from tests_dies import Dies

if __name__ == "__main__":
    runner = Processes(1)
    list(runner.run(Dies(Path("never")), [pyarrow.record_batch({"n": [1]})]))
    print(next(iter(runner._pool._processes)), flush=True)
    sys.stdin.read()
"""


def test_scanning_processes_end_with_a_worker_that_is_killed(tmp_path: Path, free_port: Callable[[], int]) -> None:
    (tmp_path / "tests_dies.py").write_text("class Dies:\n def __init__(s, p): pass\n def __call__(s, b): return b\n")
    (tmp_path / "parent.py").write_text(PARENT)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    for _ in range(200):
        if not child.is_running() or child.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

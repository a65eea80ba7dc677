"""OpenLineage events of activities: to the file in the state folder, or to a collector, and never in the way."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from assay.contracts.base import BasePin, Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.erasure import CaseJob, ErasureRequest, NewDataset
from assay.contracts.errors import InputRefused, TrainingFailed, Unavailable
from assay.contracts.evaluation import ArmJob, EvaluationResult, PinnedEvaluation, ReportJob
from assay.contracts.screening import IntakeKey, PlanJob, SealJob
from assay.contracts.training import Candidate, DatasetShare, PinnedTraining, RunSpec, TrainingResult, TrainJob
from assay.settings import Settings
from workers.errors import UNEXPECTED_ATTEMPTS, TypedErrors
from workers.lineage import FILE, Lineage

DIGEST = "sha256:" + "a" * 64
RUN = "5b0f9a63-8a35-4c22-8a5e-1f5d5b4a9d10"
Events = Callable[[int], list[dict[str, Any]]]

SOURCE = Source(
    name="tickets",
    uri="file:///exports/tickets.jsonl?user=ann",
    sha256=DIGEST,
    system="crm",
    owner="ann@acme.example",
    licence="Apache-2.0",
    purposes=("train-tenant-model",),
    consent="contract",
    retention_days=30,
    tier="curated",
)
KEY = IntakeKey(tenant="acme", dataset="support", version=1, purpose="train-tenant-model")
PLAN = PlanJob(intake=KEY, source=SOURCE)
SEAL = SealJob(
    request=IntakeRequest(tenant="acme", dataset="support", sources=(SOURCE,), requested_by="bob@acme.example"),
    screened=(),
)
SEALED = Dataset(
    id=DIGEST, manifest=Reference(uri="blob:" + "a" * 64, sha256=DIGEST), counts=RowCounts(read=9, accepted=7)
)


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


def ref(letter: str) -> Reference:
    return Reference(uri="blob:" + letter * 64, sha256=sha(letter))


BASE = BasePin(repository="acme/base", revision="1", digest=sha("0"))
CANDIDATES = tuple(Candidate(step=n, adapter=sha(c), files=ref(c), train_loss=1) for n, c in ((10, "1"), (20, "2")))
TRAIN = TrainJob(
    run_id="acme.helpdesk.1",
    request=PinnedTraining(
        tenant="acme",
        model="helpdesk",
        version=1,
        spec=RunSpec(
            base=BASE, datasets=tuple(DatasetShare(dataset=sha(c), ratio=0.5) for c in "de"), template=sha("3")
        ),
        requested_by="bob@acme.example",
    ),
)
TRAINED = TrainingResult(
    run_id="acme.helpdesk.1",
    config_hash=sha("4"),
    record=ref("5"),
    candidates=CANDIDATES,
    steps=20,
    loss_first=2,
    loss_last=1,
    tokens_per_second=300,
)
ARM = ArmJob(tenant="acme", model="helpdesk", base=BASE, template=sha("3"), suite=ref("6"), split="select")
REPORT = ReportJob(
    request=PinnedEvaluation(
        tenant="acme",
        model="helpdesk",
        version=1,
        base=BASE,
        template=sha("3"),
        suite=ref("6"),
        candidates=CANDIDATES,
        requested_by="bob@acme.example",
    ),
    chosen=CANDIDATES[1],
    arms=(),
)
CASE = CaseJob(
    case="acme.51d0e2aa17cc",
    workflow="erasure/acme/5",
    request=ErasureRequest(tenant="acme", subject="5" * 64, requested_by="pia@acme.example"),
)


class Work(ActivityInboundInterceptor):
    """Where the SDK runs the activity itself."""

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self.work = work

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Nothing is sent."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self.work()


async def run(lineage: Lineage, name: str, job: Any, result: Any = None, attempt: int = 1) -> Any:
    """One activity of that name, as in a worker; `result` is what it gives, or raises."""

    async def work() -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info, activity_type=name, workflow_id="intake/acme/support/1", workflow_run_id=RUN, attempt=attempt
    )
    outer = lineage.intercept_activity(TypedErrors().intercept_activity(Work(work)))
    asked = ExecuteActivityInput(fn=print, args=[job], executor=None, headers={})

    async def execute() -> Any:
        return await outer.execute_activity(asked)

    return await environment.run(execute)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """OpenLineage's client writes what it was told into the environment."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENLINEAGE")}
    yield
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
        del os.environ[name]
    os.environ.update(kept)


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    return Lineage(Settings(home=tmp_path))


@pytest.fixture
def events(tmp_path: Path) -> Events:
    """The events in the file, as soon as there are so many."""

    def read(count: int) -> list[dict[str, Any]]:
        for _ in range(1000):
            lines = (tmp_path / FILE).read_text("utf-8").splitlines() if (tmp_path / FILE).exists() else []
            if len(lines) >= count:
                break
            threading.Event().wait(0.01)
        return [json.loads(line) for line in lines]

    return read


async def test_a_run_starts_once_goes_on_and_completes(lineage: Lineage, events: Events) -> None:
    await run(lineage, "plan_source", PLAN)
    await run(lineage, "plan_source", PLAN)
    assert await run(lineage, "seal_dataset", SEAL, SEALED) is SEALED
    told = events(3)
    assert [one["eventType"] for one in told] == ["START", "RUNNING", "COMPLETE"]
    assert {one["run"]["runId"] for one in told} == {RUN}
    assert {(one["job"]["namespace"], one["job"]["name"]) for one in told} == {("assay/acme", "intake.support")}
    [output] = told[-1]["outputs"]
    assert output["facets"]["version"]["datasetVersion"] == DIGEST
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    [read] = told[0]["inputs"]
    assert (read["namespace"], read["name"]) == ("file", "/exports/tickets.jsonl")
    assert {tag["key"]: tag["value"] for tag in read["facets"]["tags"]["tags"]}["licence"] == "Apache-2.0"
    assert "acme.example" not in json.dumps(told)


async def test_what_ends_a_run_is_told_by_its_code(lineage: Lineage, events: Events) -> None:
    refused = InputRefused("DATASET_EMPTY", "none of 3 rows of erika was accepted", "look at the codes")
    with pytest.raises(ApplicationError):
        await run(lineage, "seal_dataset", SEAL, refused)
    [told] = events(1)
    assert told["eventType"] == "FAIL"
    assert told["run"]["facets"]["errorMessage"]["message"] == "DATASET_EMPTY"
    assert "erika" not in json.dumps(told)


async def test_what_is_tried_again_is_no_failure_and_a_bug_is_one_at_its_last_attempt(
    lineage: Lineage, events: Events
) -> None:
    with pytest.raises(ApplicationError):
        await run(lineage, "seal_dataset", SEAL, Unavailable("OPA_UNREACHABLE", "away", "wait"))
    with pytest.raises(ApplicationError):
        await run(lineage, "seal_dataset", SEAL, KeyError("x"))
    with pytest.raises(ApplicationError):
        await run(lineage, "seal_dataset", SEAL, KeyError("x"), attempt=UNEXPECTED_ATTEMPTS)
    with pytest.raises(asyncio.CancelledError):
        await run(lineage, "seal_dataset", SEAL, asyncio.CancelledError())
    told = events(2)
    assert [one["eventType"] for one in told] == ["FAIL", "ABORT"]


async def test_an_activity_without_lineage_says_nothing(lineage: Lineage, tmp_path: Path) -> None:
    assert await run(lineage, "decide_review", SEAL, 5) == 5
    assert not (tmp_path / FILE).exists()


def named(sets: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Namespace, name and digest of each."""
    return {(one["namespace"], one["name"], one["facets"]["version"]["datasetVersion"]) for one in sets}


READS = {("assay/acme", sha("d"), sha("d")), ("assay/acme", sha("e"), sha("e")), ("assay", "base/acme/base", sha("0"))}
ADAPTERS = {("assay/acme", "helpdesk/adapter", sha("1")), ("assay/acme", "helpdesk/adapter", sha("2"))}
SUITE = ("assay/acme", "suite", sha("6"))


async def test_a_training_reads_datasets_and_base_and_writes_adapters(lineage: Lineage, events: Events) -> None:
    await run(lineage, "train", TRAIN, TRAINED)
    begun, done = events(2)
    assert [one["eventType"] for one in (begun, done)] == ["START", "COMPLETE"]
    assert done["job"]["name"] == "training.helpdesk"
    assert done["job"]["facets"]["jobType"]["jobType"] == "TRAINING"
    assert named(begun["inputs"]) == named(done["inputs"]) == READS
    assert (begun["outputs"], named(done["outputs"])) == ([], ADAPTERS)


async def test_a_training_that_fails_wrote_nothing(lineage: Lineage, events: Events) -> None:
    with pytest.raises(ApplicationError):
        await run(lineage, "train", TRAIN, TrainingFailed("LOSS_NAN", "at step 7", "lower the learning rate"))
    _, failed = events(2)
    assert (failed["eventType"], failed["outputs"]) == ("FAIL", [])
    assert failed["run"]["facets"]["errorMessage"]["message"] == "LOSS_NAN"
    assert named(failed["inputs"]) == READS


async def test_an_evaluation_reads_suite_and_adapters_and_writes_its_report(lineage: Lineage, events: Events) -> None:
    result = EvaluationResult(report=ref("7"), chosen=CANDIDATES[1], arms=(), template=sha("3"))
    await run(lineage, "evaluate_arm", ARM)
    await run(lineage, "evaluate_arm", ARM.model_copy(update={"candidate": CANDIDATES[0]}))
    await run(lineage, "write_report", REPORT, result)
    base, arm, done = events(3)
    assert [one["eventType"] for one in (base, arm, done)] == ["START", "RUNNING", "COMPLETE"]
    assert {one["job"]["name"] for one in (base, arm, done)} == {"evaluation.helpdesk"}
    assert named(base["inputs"]) == {SUITE, ("assay", "base/acme/base", sha("0"))}
    assert named(arm["inputs"]) - named(base["inputs"]) == {("assay/acme", "helpdesk/adapter", sha("1"))}
    assert named(done["inputs"]) == {SUITE, *ADAPTERS}
    assert named(done["outputs"]) == {("assay/acme", "helpdesk/report", sha("7"))}
    assert (base["outputs"], arm["outputs"]) == ([], [])


async def test_an_erasure_reads_datasets_and_writes_those_that_are_left(lineage: Lineage, events: Events) -> None:
    left = NewDataset(replaces=sha("d"), dataset=sha("8"), version=2, rows=7)
    nothing_left = NewDataset(replaces=sha("e"), dataset=None)
    await run(lineage, "reseal_datasets", CASE, (left, nothing_left))
    [done] = events(1)
    assert (done["eventType"], done["job"]["name"]) == ("COMPLETE", "erasure.dataset")
    assert named(done["inputs"]) == {("assay/acme", sha(c), sha(c)) for c in "de"}
    assert named(done["outputs"]) == {("assay/acme", sha("8"), sha("8"))}
    assert "5" * 64 not in json.dumps(done)
    assert "pia" not in json.dumps(done)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An OpenLineage collector on loopback: its address, and what it was told."""
    heard: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append({"path": self.path, **json.loads(self.rfile.read(int(self.headers["content-length"])))})
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_events_go_where_openlineage_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collector: tuple[str, list[dict[str, Any]]]
) -> None:
    url, heard = collector
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    await run(Lineage(Settings(home=tmp_path)), "seal_dataset", SEAL, SEALED)
    async with asyncio.timeout(30):
        while not heard:  # noqa: ASYNC110  # another thread's doing
            await asyncio.sleep(0.01)
    assert (heard[0]["path"], heard[0]["eventType"]) == ("/api/v1/lineage", "COMPLETE")
    assert not (tmp_path / FILE).exists()


async def test_a_place_that_takes_no_events_is_not_in_the_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).mkdir()
    assert await run(Lineage(Settings(home=tmp_path)), "seal_dataset", SEAL, SEALED) is SEALED
    async with asyncio.timeout(30):
        while "was not taken" not in caplog.text:  # noqa: ASYNC110  # another thread's doing
            await asyncio.sleep(0.01)

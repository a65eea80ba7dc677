"""Data activities of a fresh installation, beside a real OPA with the signed bundle."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.policy.bundle import build_bundle
from activities.policy.config import server_arguments, server_config
from assay.contracts.data import Dataset, IntakeRequest, Source
from assay.contracts.screening import (
    CompareJob,
    DecideJob,
    IntakeKey,
    PlanJob,
    ScanJob,
    ScreenedSource,
    SealJob,
)
from assay.settings import Ports, ScanningSettings, Settings
from examples.data.build import build
from registry import Registry
from stack.keys import ensure_keys

numbers = count(1)


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, opa_binary: Path, free_port: Callable[[], int]
) -> Iterator[Settings]:
    """Settings of an installation whose OPA is up."""
    home = tmp_path_factory.mktemp("home")
    keys = ensure_keys(home)
    bundle = build_bundle(home / "bundle.tar.gz", keys / "policy.pem", opa=opa_binary)
    config = home / "opa.json"
    config.write_text(server_config(bundle.path, keys / "policy.pub.pem"), "utf-8")
    ports = Ports(opa=free_port(), opa_diagnostics=free_port())
    command = [str(opa_binary), *server_arguments(config, ports.opa, ports.opa_diagnostics)]
    with (home / "opa.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        _wait(f"http://127.0.0.1:{ports.opa_diagnostics}/health?bundles")
        yield Settings(home=home, ports=ports, scanning=ScanningSettings(processes=2, shard_rows=300))
        server.terminate()


def _wait(health: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(health, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("OPA did not become healthy")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's built files."""
    folder = tmp_path_factory.mktemp("rows")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def activities(settings: Settings) -> Iterator[DataActivities]:
    made = DataActivities(settings)
    yield made
    made.close()


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    opened = Registry.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def dataset() -> str:
    """A name that no other test's dataset has."""
    return f"checked-{next(numbers)}"


Intake = Callable[..., tuple[tuple[ScreenedSource, ...], Dataset]]


@pytest.fixture
def screen(activities: DataActivities) -> Callable[[IntakeRequest], tuple[ScreenedSource, ...]]:
    """Read, scan, compare and decide, as the workflow does; the stage is left for tests to look at."""

    def run(request: IntakeRequest) -> tuple[ScreenedSource, ...]:
        do, intake = ActivityEnvironment().run, IntakeKey.of(request)
        plans = [do(activities.plan_source, PlanJob(intake=intake, source=source)) for source in request.sources]
        staged = [(s, plan, shard) for s, plan in zip(request.sources, plans, strict=True) for shard in plan.shards]
        found = [
            do(
                activities.scan_shard,
                ScanJob(intake=intake, source=source.name, shard=shard, suites=request.suites),
            ).model_copy(update={"admitted": plan.admitted})
            for source, plan, shard in staged
        ]
        repeats = do(activities.compare_shards, CompareJob(intake=intake, shards=tuple(found))).repeats
        decided = iter(
            [
                do(
                    activities.decide_shard,
                    DecideJob(
                        intake=intake,
                        source=source,
                        admitted=plan.admitted,
                        shard=shard,
                        found=one.found,
                        repeats=again,
                    ),
                )
                for (source, plan, shard), one, again in zip(staged, found, repeats, strict=True)
            ]
        )
        return tuple(
            ScreenedSource(
                source=plan.source,
                digest=plan.digest,
                admitted=plan.admitted,
                shards=tuple(next(decided) for _ in plan.shards),
            )
            for plan in plans
        )

    return run


@pytest.fixture
def intake(activities: DataActivities, screen: Callable[[IntakeRequest], tuple[ScreenedSource, ...]]) -> Intake:
    """Screen sources and seal them, as the workflow does."""

    def run(*sources: Source, **terms: object) -> tuple[tuple[ScreenedSource, ...], Dataset]:
        plain = {"tenant": "acme", "dataset": "support", "sources": sources, "requested_by": "ann", **terms}
        request = IntakeRequest.model_validate(plain)
        screened = screen(request)
        job = SealJob(request=request, screened=screened)
        return screened, ActivityEnvironment().run(activities.seal_dataset, job)

    return run

"""Data activities of a fresh installation, beside a real OPA with the signed bundle."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.policy.bundle import build_bundle
from activities.policy.config import server_arguments, server_config
from assay.contracts.data import Dataset, IntakeRequest, ScreenedSource, ScreenJob, SealJob, Source
from assay.settings import Ports, Settings
from examples.data.build import build
from stack.keys import ensure_keys


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
        yield Settings(home=home, ports=ports)
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
def activities(settings: Settings) -> DataActivities:
    return DataActivities(settings)


@pytest.fixture
def intake(activities: DataActivities) -> Callable[..., tuple[list[ScreenedSource], Dataset]]:
    """Screen sources and seal them, as the workflow does."""

    def run(*sources: Source) -> tuple[list[ScreenedSource], Dataset]:
        request = IntakeRequest(tenant="acme", dataset="support", sources=sources, requested_by="ann")
        environment = ActivityEnvironment()
        jobs = [ScreenJob(tenant="acme", dataset="support", purpose=request.purpose, source=s) for s in sources]
        screened = [environment.run(activities.screen_source, job) for job in jobs]
        job = SealJob(request=request, screened=tuple(screened))
        return screened, environment.run(activities.seal_dataset, job)

    return run

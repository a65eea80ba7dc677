"""A data worker that is killed in the middle of an intake: the next one goes on, and scans no finished shard again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.data import IntakeRequest, Source
from assay.settings import ScanningSettings, Settings
from registry import Registry
from stack.environment import environment_of
from stack.ports import free_ports
from tests._servers.temporal import running_temporal
from workers.plugin import plugin
from workers.run import WorkerKind, make_current, make_worker
from workflows import ALL

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with running_temporal(temporal_binary) as environment:
        yield environment


@pytest.fixture
async def client(server: WorkflowEnvironment, settings: Settings) -> AsyncIterator[AssayClient]:
    config = server.client.config()
    config["plugins"] = [plugin()]
    connected = Client(**config)
    kind = WorkerKind("control", names.CONTROL_QUEUE, 0, [], ALL)
    async with make_worker(connected, settings, kind, grace=timedelta(0)):
        await make_current(connected, settings)
        yield AssayClient(connected)


@contextmanager
def data_worker(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A data worker as the stack starts it."""
    environment = {**os.environ, **environment_of(settings), "PYTHONPATH": str(ROOT)}
    with log.open("ab") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "workers.data"], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


@pytest.fixture
def request_(rows: Path) -> IntakeRequest:
    import json

    terms = json.loads((rows / "sources.json").read_text("utf-8"))
    sources = tuple(Source.model_validate(terms[name]) for name in ("calls", "refusals", "replay"))
    return IntakeRequest(tenant="acme", dataset="killed", sources=sources, requested_by="ann")


async def scans(handle: WorkflowHandle[Any, Any]) -> list[tuple[int, bool]]:
    """Of each scan of the history: the attempt that it was last started as, and whether it has ended well."""
    started: dict[int, int] = {}
    ended: set[int] = set()
    scheduled: list[int] = []
    async for event in handle.fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            if event.activity_task_scheduled_event_attributes.activity_type.name == "scan_shard":
                scheduled.append(event.event_id)
        elif event.HasField("activity_task_started_event_attributes"):
            said = event.activity_task_started_event_attributes
            started[said.scheduled_event_id] = said.attempt
        elif event.HasField("activity_task_completed_event_attributes"):
            ended.add(event.activity_task_completed_event_attributes.scheduled_event_id)
    return [(started.get(one, 0), one in ended) for one in scheduled]


async def until_scanned(handle: WorkflowHandle[Any, Any], shards: int) -> None:
    """Wait until so many scans have ended."""
    async with asyncio.timeout(240):
        while True:
            if sum(done for _, done in await scans(handle)) >= shards:
                return
            await asyncio.sleep(0.05)


async def test_finished_shards_are_not_scanned_again_after_a_worker_was_killed(
    client: AssayClient,
    server: WorkflowEnvironment,
    settings: Settings,
    request_: IntakeRequest,
    tmp_path: Path,
) -> None:
    address = server.client.service_client.config.target_host
    ports = settings.ports.model_copy(update={"worker_metrics": free_ports(2)[0]})  # its own is the second
    scanning = ScanningSettings(processes=1, shard_rows=40)
    own = settings.model_copy(update={"temporal_address": address, "ports": ports, "scanning": scanning})
    with data_worker(own, tmp_path / "first.log"):
        handle = await client.start_intake(request_)
        await until_scanned(handle, 5)
    finished = sum(done for _, done in await scans(handle))
    with data_worker(own, tmp_path / "second.log"):
        status = await handle.result()
        assert status.stage == "sealed"
        said = await scans(handle)
        shards = sum(-(-rows // 40) for rows in (491, 647, 273))
        assert (len(said), finished < shards) == (shards, True)
        attempts = Counter(attempt for attempt, _ in said)
        assert attempts[1] >= finished
        assert 1 <= attempts[2] <= 2  # what was in flight: as many as there are processes, and one that fetches
        assert set(attempts) == {1, 2}
        # And with nobody killed the same rows are the same dataset, byte for byte.
        await handle.result()
        again = await client.start_intake(request_)
        assert (await again.result()).dataset == status.dataset
    registry = Registry.open(own)
    manifest = registry.datasets.get(status.dataset.id if status.dataset else "").ledger
    assert registry.shards.readable(manifest)
    registry.close()

"""A run moves from one real worker to another, on a real Temporal server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.registry.activity import RegistryActivities
from activities.training.activity import TrainingActivities
from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.base import Reference
from assay.contracts.policy import Decision
from assay.contracts.training import (
    DatasetChoice,
    PinnedTraining,
    TrainingRequest,
    TrainingStatus,
    TrainJob,
)
from assay.settings import Settings
from tests._servers.temporal import running_temporal
from workers.plugin import plugin
from workers.run import WorkerKind, make_current, make_worker
from workflows import ALL


@activity.defn(name="decide_training")
async def allow(request: PinnedTraining) -> Decision:
    asked = Reference(uri="blob:" + "0" * 64, sha256="sha256:" + "0" * 64)
    return Decision(
        gate="training", allow=True, violations=(), decision_id="d", policy_revision=asked.sha256, input=asked
    )


@pytest_asyncio.fixture
async def client(temporal_binary: Path, settings: Settings) -> AsyncIterator[Client]:
    """A client of a fresh dev server with a control worker."""
    async with running_temporal(temporal_binary) as environment:
        config = environment.client.config()
        config["plugins"] = [plugin()]
        connected = Client(**config)
        async with make_worker(
            connected,
            settings,
            WorkerKind("control", names.CONTROL_QUEUE, 0, [allow, RegistryActivities(settings).pin_training], ALL),
        ):
            await make_current(connected, settings)
            yield connected


def training_worker(client: Client, settings: Settings) -> Worker:
    kind = WorkerKind("training", names.TRAINING_QUEUE, 2, TrainingActivities(settings).all(), concurrency=1)
    return make_worker(client, settings, kind)


async def test_a_stopped_worker_hands_its_run_to_another_within_its_grace(
    client: Client, settings: Settings, make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    pinned = make_job(max_steps=1500, checkpoint_every=600).request
    request = TrainingRequest(
        tenant=pinned.tenant,
        model=pinned.model,
        version=pinned.version,
        base=pinned.spec.base.repository,
        datasets=tuple(DatasetChoice(dataset=share.dataset) for share in pinned.spec.datasets),
        recipe=pinned.spec.recipe,
        requested_by=pinned.requested_by,
    )
    async with training_worker(client, settings):
        handle = await client.start_workflow(
            "Training",
            request,
            id=names.training_id("acme", "helpdesk", 1),
            task_queue=names.CONTROL_QUEUE,
            result_type=TrainingStatus,
        )
        reached = await step_reported(client)
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 25
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere", "blob_url": settings.blobs})
    async with training_worker(client, elsewhere):
        result = (await handle.result()).result
    assert result is not None
    assert reached <= result.resumed_from_step < 1500
    assert result.resumed_from_step % 600  # what it saved when it was told to stop
    assert [candidate.step for candidate in result.candidates] == [1200, 1500]
    assert result.attempts == 2


async def step_reported(client: Client) -> int:
    """The first step that a heartbeat tells."""
    async with asyncio.timeout(120):
        while True:
            progress = await AssayClient(client).training_progress("acme", "helpdesk", 1)
            if progress and progress.step:
                return progress.step
            await asyncio.sleep(0.1)

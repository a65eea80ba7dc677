"""A worker that is busy is healthy, though it does not poll."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from assay.contracts.names import TRAINING_QUEUE
from assay.settings import Settings
from assay.telemetry import meters
from stack.health import healthy
from stack.ports import free_stack_ports
from tests._servers.temporal import running_temporal
from workers.run import WorkerKind, connect, make_worker

ANOTHER = {"worker-training": 1}
"""A process that the server has never seen poll, as it has forgotten one that was busy for five minutes."""


@workflow.defn(sandboxed=False)
class Busy:
    """Runs the one activity there is."""

    @workflow.run
    async def run(self) -> None:
        """Until it is told to end."""
        await workflow.execute_activity(
            "occupy", task_queue=TRAINING_QUEUE, start_to_close_timeout=timedelta(minutes=5)
        )


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with running_temporal(temporal_binary) as environment:
        yield environment


@pytest.fixture
def settings(server: WorkflowEnvironment, tmp_path: Path) -> Iterator[Settings]:
    address = server.client.service_client.config.target_host
    yield Settings.model_validate({"home": tmp_path, "temporal_address": address, "ports": free_stack_ports()})
    meters.use(None)


async def test_a_worker_with_its_slot_taken_is_healthy_until_it_is_neither_busy_nor_polls(
    server: WorkflowEnvironment, settings: Settings
) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    @activity.defn
    async def occupy() -> None:
        begun.set()
        await end.wait()

    kind = WorkerKind("training", TRAINING_QUEUE, 2, [occupy], concurrency=1)
    client = await connect(settings, metrics_port=settings.ports.worker_metrics + kind.number)
    async with make_worker(client, settings, kind), Worker(server.client, task_queue="busy", workflows=[Busy]):
        handle = await server.client.start_workflow("Busy", id="busy", task_queue="busy")
        await begun.wait()
        assert await healthy(settings, {"temporal": 1, **ANOTHER}) == {"temporal": True, "worker-training": True}
        end.set()
        await handle.result()
        for _ in range(300):  # the slot is given back a moment after the result
            if not (await healthy(settings, {"temporal": 1, **ANOTHER}))["worker-training"]:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("a worker without a slot in use still counts as busy")
        own = {"temporal": 1, "worker-training": os.getpid()}
        assert (await healthy(settings, own))["worker-training"]

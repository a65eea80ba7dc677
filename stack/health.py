"""Is each process doing its work? Asked of the process itself, not of its supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from assay.contracts.names import CONTROL_QUEUE, DATA_QUEUE, SERVING_QUEUE, TRAINING_QUEUE
from assay.settings import Settings
from serving.engines.sglang import SGLangEngine
from stack.keys import secret

Check = Callable[[], Awaitable[bool]]
_QUEUES = {
    "worker-control": CONTROL_QUEUE,
    "worker-data": DATA_QUEUE,
    "worker-training": TRAINING_QUEUE,
    "worker-serving": SERVING_QUEUE,
}


def checks(settings: Settings) -> dict[str, Check]:
    """One check per process, by name; a check never raises."""
    opa = f"http://127.0.0.1:{settings.ports.opa_diagnostics}/health?bundles"
    gateway = f"http://127.0.0.1:{settings.ports.gateway}/healthz"
    polled: dict[str, Check] = {name: _worker(settings, queue) for name, queue in _QUEUES.items()}
    return {
        "temporal": lambda: _temporal(settings),
        "opa": lambda: _http(opa),
        "engine": lambda: _engine(settings),
        **polled,
        "gateway": lambda: _http(gateway),
    }


async def _http(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _temporal(settings: Settings) -> bool:
    return await _client(settings) is not None


async def _client(settings: Settings) -> Client | None:
    try:
        async with asyncio.timeout(5):
            return await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    except (RuntimeError, RPCError, TimeoutError):
        return None


async def _engine(settings: Settings) -> bool:
    keys = secret(settings.home, "engine"), secret(settings.home, "admin")
    async with SGLangEngine(f"http://127.0.0.1:{settings.ports.engine}", *keys) as engine:
        return await engine.health()


def _worker(settings: Settings, queue: str) -> Check:
    """A worker is healthy when the server has seen it poll its queue."""

    async def polls() -> bool:
        client = await _client(settings)
        if client is None:
            return False
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            return bool((await client.workflow_service.describe_task_queue(request)).pollers)
        except RPCError:
            return False

    return polls

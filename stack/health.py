"""Is each process doing its work? Asked of the process itself, not of its supervisor."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Final

import aiohttp
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from assay.contracts.names import CONTROL_QUEUE, DATA_QUEUE, SERVING_QUEUE, TRAINING_QUEUE
from assay.parting import part_at_exit
from assay.settings import Settings
from serving.engines.sglang import SGLangEngine
from stack.ports import worker_metrics

QUEUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "worker-control": CONTROL_QUEUE,
        "worker-data": DATA_QUEUE,
        "worker-training": TRAINING_QUEUE,
        "worker-serving": SERVING_QUEUE,
    }
)
WAITS_FOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temporal": "an answer of its frontend",
        "opa": "the signed bundle in force",
        "engine": "the base model loaded",
        **{worker: f"a poller on {queue}, or an activity under way" for worker, queue in QUEUES.items()},
        "gateway": "a route table in memory",
        "codec": "an answer of its own",
    }
)
"""Every process, in the order they are shown, and what makes it healthy."""
_AT_WORK: Final = re.compile(
    r'^temporal_worker_task_slots_used\{[^}]*worker_type="ActivityWorker"[^}]*\} [1-9]', re.MULTILINE
)
"""The SDK's own gauge: slots of the worker in which an activity runs."""


def wanted(settings: Settings) -> tuple[str, ...]:
    """Names of the processes that these settings ask for: the codec server has nothing to do without a payload key."""
    return tuple(name for name in WAITS_FOR if name != "codec" or settings.payload_keys)


async def healthy(settings: Settings, running: Mapping[str, int]) -> dict[str, bool]:
    """Which of the running processes (name to pid) do their work. Never raises."""
    client = await _client(settings) if "temporal" in running else None
    asked: dict[str, Awaitable[bool]] = {}
    for name, pid in running.items():
        if name in QUEUES:
            asked[name] = _works(settings, client, name, pid)
        elif name == "temporal":
            asked[name] = _is(client is not None)
        elif name == "engine":
            asked[name] = _engine(settings)
        else:
            asked[name] = _http(_health_url(settings, name))
    return dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))


def _health_url(settings: Settings, name: str) -> str:
    if name == "opa":
        return f"http://127.0.0.1:{settings.ports.opa_diagnostics}/health?bundles"
    port = settings.ports.codec if name == "codec" else settings.ports.gateway
    return f"http://127.0.0.1:{port}/healthz"


async def _is(answer: bool) -> bool:
    return answer


async def _http(url: str) -> bool:
    return await _page(url) is not None


async def _page(url: str) -> str | None:
    """What is there; None when nothing answers, or not with 200."""
    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            # Somebody else's server may be on this port, and say anything.
            return await response.text(errors="replace") if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


async def _client(settings: Settings) -> Client | None:
    part_at_exit()
    try:
        async with asyncio.timeout(5):
            return await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    except (RuntimeError, RPCError, TimeoutError):
        return None


async def _engine(settings: Settings) -> bool:
    data, admin = settings.engine_key.get_secret_value(), settings.control_key.get_secret_value()
    async with SGLangEngine(f"http://127.0.0.1:{settings.ports.engine}", data, admin) as engine:
        return await engine.health()


async def _works(settings: Settings, client: Client | None, name: str, pid: int) -> bool:
    """Whether a worker polls, or is busy: one whose every slot is taken does not poll, and the server forgets it."""
    if client is None:
        return False
    if await _polls(client, QUEUES[name], pid):
        return True
    page = await _page(f"http://127.0.0.1:{worker_metrics(settings)[name]}/metrics")
    return _AT_WORK.search(page or "") is not None


async def _polls(client: Client, queue: str, pid: int) -> bool:
    """Whether the server has seen this very process poll: it remembers pollers for minutes after they died."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        pollers = (await client.workflow_service.describe_task_queue(request)).pollers
    except RPCError:
        return False
    # `pid@host` is the SDK's own default identity.
    return any(poller.identity.startswith(f"{pid}@") for poller in pollers)

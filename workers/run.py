"""One worker process: connect, poll, stop gracefully on SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkerDeploymentConfig

from assay import __version__
from assay.contracts.errors import Unavailable
from assay.memory import settle_memory
from assay.parting import part_at_exit
from assay.scratch import scratch
from assay.settings import Settings
from assay.telemetry import meters
from assay.telemetry.logs import configure_logs
from assay.telemetry.traces import configure_traces, flush_traces
from workers.device import alone_on
from workers.lineage import Lineage
from workers.plugin import plugin
from workflows.common import STAGE_DURATION

DEPLOYMENT = "assay"
GRACE = timedelta(seconds=30)
"""How long a stopping worker lets its activities save and hand over."""
STAGE_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 604800.0)
"""Bucket edges of a stage's duration: from a redecided gate to a week of waiting for a reviewer."""


@dataclass(frozen=True)
class WorkerKind:
    """What one kind of worker serves."""

    name: str
    queue: str
    number: int
    activities: Sequence[Callable[..., Any]]
    workflows: Sequence[type] = field(default=())
    concurrency: int = 8
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    """A loop that runs as long as the worker does; when it ends by an error, so does the process."""
    device: str | None = None
    """What one process at a time may use; another worker of this kind waits for it."""


def build_id(settings: Settings) -> str:
    """Version of the workflow code: pinned workflows stay with it."""
    return settings.build_id or __version__


async def connect(settings: Settings, *, metrics_port: int | None = None) -> Client:
    """Connect with the shared plugin.

    Raises Unavailable (`TEMPORAL_UNREACHABLE`).
    """
    part_at_exit()
    metrics = prometheus(f"{settings.metrics_host}:{metrics_port}") if metrics_port else None
    logs = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        # What the SDK's core says goes where everything else does, not to standard output in a form of its own.
        forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core")),
    )
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics, logging=logs))
    if metrics:
        meters.use(runtime.metric_meter)
    try:
        return await Client.connect(**connection(settings), plugins=[plugin(settings)], runtime=runtime)
    except RuntimeError as error:
        raise Unavailable(
            "TEMPORAL_UNREACHABLE",
            f"no Temporal frontend answers at {settings.temporal}",
            "start the stack with `assay up`, or set ASSAY_TEMPORAL_ADDRESS",
        ) from error


def connection(settings: Settings) -> ClientConnectConfig:
    """Address and namespace from our settings; TLS and API key from Temporal's own (`TEMPORAL_*`, its TOML profile).

    Temporal's are read only where an address is set: the local server has neither, whatever the user's profile says.
    """
    found = ClientConfig.load_client_connect_config() if settings.temporal_address else ClientConnectConfig()
    return ClientConnectConfig(**{**found, "target_host": settings.temporal, "namespace": settings.temporal_namespace})


def prometheus(address: str) -> PrometheusConfig:
    """Names by Prometheus' conventions: `_total`, base units in the name, seconds."""
    return PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={STAGE_DURATION: STAGE_SECONDS},
    )


def make_worker(client: Client, settings: Settings, kind: WorkerKind, *, grace: timedelta = GRACE) -> Worker:
    """A worker of this kind. Only workers with workflows are versioned: activities are idempotent and unpinned."""
    versioned = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id(settings)),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
    return Worker(
        client,
        task_queue=kind.queue,
        activities=kind.activities,
        workflows=kind.workflows,
        activity_executor=ThreadPoolExecutor(kind.concurrency, thread_name_prefix=kind.name),
        max_concurrent_activities=kind.concurrency,
        graceful_shutdown_timeout=grace,
        deployment_config=versioned if kind.workflows else None,
        interceptors=[Lineage(settings)],
        max_heartbeat_throttle_interval=timedelta(seconds=2),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
    )


async def make_current(client: Client, settings: Settings, *, patience: timedelta = timedelta(seconds=30)) -> None:
    """Send new workflows to this build: a versioned worker gets no work before. Waits until the server knows it.

    Raises Unavailable (`WORKER_VERSION_UNKNOWN`) when no worker of this build polled within `patience`.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id(settings), identity=client.identity
    )
    try:
        async with asyncio.timeout(patience.total_seconds()):
            while True:
                try:
                    await client.workflow_service.set_worker_deployment_current_version(request)
                    return
                except RPCError as error:
                    if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                        raise
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise Unavailable(
            "WORKER_VERSION_UNKNOWN",
            f"no control worker of build {build_id(settings)} has polled",
            "start it with `assay up`; `assay logs worker-control` says what stops it",
        ) from error


async def serve(settings: Settings, kind: WorkerKind) -> None:
    """Poll until SIGTERM or SIGINT."""
    client = await connect(settings, metrics_port=settings.ports.worker_metrics + kind.number)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with alone_on(settings.home, kind.device, stop) as free:
        if free:
            await _poll(client, settings, kind, stop)


async def _poll(client: Client, settings: Settings, kind: WorkerKind, stop: asyncio.Event) -> None:
    async with make_worker(client, settings, kind), asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(kind.beside()) if kind.beside else None
        logging.getLogger("assay.worker").info("worker %s polls %s", kind.name, kind.queue)
        settle_memory()
        await stop.wait()
        if loop is not None:
            loop.cancel()


def main(make_kind: Callable[[Settings], WorkerKind]) -> None:
    """Entry point of the worker modules."""
    settings = Settings()
    kind = make_kind(settings)
    configure_logs(settings.log_level, f"assay-worker-{kind.name}", settings.log_format)
    configure_traces(settings, f"assay-worker-{kind.name}")
    try:
        with scratch(settings.home, f"worker-{kind.name}"):
            asyncio.run(serve(settings, kind))
    finally:
        flush_traces()

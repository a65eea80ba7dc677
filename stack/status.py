"""What `assay status` shows: every process with its health, and where to find it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from assay.settings import Settings
from stack.health import WAITS_FOR, healthy, wanted
from stack.ports import temporal_metrics, worker_metrics
from stack.supervise import RUNNING, State, Supervisor

Health = Literal["stopped", "starting", "healthy", "unhealthy"]
Show = Callable[[Mapping[str, "Line"]], None]


@dataclass(frozen=True)
class Line:
    """One process as `status` shows it."""

    name: str
    health: Health
    state: str
    pid: int | None
    uptime_seconds: int
    waits_for: str = ""
    """What makes it healthy; empty once it is."""


def endpoints(settings: Settings) -> dict[str, str]:
    """Where people and programs find the stack."""
    ports = settings.ports
    codec = {"codec": f"http://127.0.0.1:{ports.codec}"} if settings.payload_keys else {}
    return {
        "temporal": settings.temporal,
        "temporal_ui": f"http://127.0.0.1:{ports.temporal_ui}",
        "gateway": settings.gateways[0],
        "opa": settings.opa,
        "engine": settings.engines[0],
        **codec,
    }


def scraped(settings: Settings) -> dict[str, str]:
    """Where Prometheus finds each process's metrics."""
    numbers = settings.ports
    at = {
        "temporal": f"127.0.0.1:{temporal_metrics(settings)}",
        "opa": f"127.0.0.1:{numbers.opa_diagnostics}",
        "engine": settings.engines[0].removeprefix("http://"),
        **{name: f"127.0.0.1:{port}" for name, port in worker_metrics(settings).items()},
        "gateway": settings.gateways[0].removeprefix("http://"),
    }
    return {name: f"http://{address}/metrics" for name, address in at.items()}


async def look(settings: Settings) -> dict[str, Line]:
    """Every process with its health."""
    states = await asyncio.to_thread(Supervisor(settings).states)
    works = await healthy(settings, {name: one.pid for name, one in states.items() if one.state == RUNNING})
    return {name: _line(name, states.get(name), works.get(name, False)) for name in wanted(settings)}


def _line(name: str, state: State | None, works: bool) -> Line:
    if state is None or state.state in ("STOPPED", "EXITED"):
        return Line(name, "stopped", state.state if state else "STOPPED", None, 0, WAITS_FOR[name])
    if works:
        return Line(name, "healthy", state.state, state.pid, state.uptime_seconds)
    health: Health = "unhealthy" if state.state in ("FATAL", "BACKOFF") else "starting"
    return Line(name, health, state.state, state.pid or None, state.uptime_seconds, WAITS_FOR[name])

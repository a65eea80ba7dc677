"""Start what is not running, wait until each is healthy, say where everything is."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from assay.contracts.errors import Conflict, Unavailable
from assay.settings import Settings
from stack.health import WAITS_FOR, healthy
from stack.prepare import prepare
from stack.processes import Process, ports, processes
from stack.supervise import RUNNING, State, Supervisor
from workers.run import connect, make_current

Health = Literal["stopped", "starting", "healthy", "unhealthy"]
Show = Callable[[Mapping[str, "Line"]], None]
PATIENCE = timedelta(minutes=5)
"""A cold engine on two busy cores takes about 90 seconds."""


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
    return {
        "temporal": settings.temporal,
        "temporal_ui": f"http://127.0.0.1:{ports.temporal_ui}",
        "gateway": settings.gateways[0],
        "opa": settings.opa,
        "engine": settings.engines[0],
    }


async def look(settings: Settings) -> dict[str, Line]:
    """Every process with its health."""
    states = await asyncio.to_thread(Supervisor(settings).states)
    works = await healthy(settings, {name: one.pid for name, one in states.items() if one.state == RUNNING})
    return {name: _line(name, states.get(name), works.get(name, False)) for name in WAITS_FOR}


async def up(settings: Settings, say: Callable[[str], None], show: Show) -> dict[str, Line]:
    """Bring the stack up; what runs already is left alone.

    Raises Conflict (`PORT_TAKEN`, `SETTINGS_DIFFER`), Unavailable (`STACK_UNHEALTHY` names what did not come up and
    gives its last words), AssayError.
    """
    supervisor = Supervisor(settings)
    with supervisor.alone():
        supervisor.refuse_other_settings()
        lines = await look(settings)
        if all(line.health == "healthy" for line in lines.values()):
            return lines
        if left := await asyncio.to_thread(supervisor.clear):
            say(f"ended {left} processes that a killed supervisor had left behind")
        refuse_taken_ports(settings, [name for name, line in lines.items() if line.health == "stopped"])
        base = await asyncio.to_thread(prepare, settings, say)
        table = processes(settings, base)
        await asyncio.to_thread(supervisor.start, table)
        await _start(settings, supervisor, [p for p in table if p.wave == 0], show, until=("temporal", "opa"))
        await _start(settings, supervisor, [p for p in table if p.wave == 1], show, until=("worker-control",))
        await make_current(await connect(settings), settings)
        return await _wait(settings, show, tuple(process.name for process in table))


async def _start(
    settings: Settings, supervisor: Supervisor, wave: list[Process], show: Show, until: tuple[str, ...]
) -> None:
    for process in wave:
        await asyncio.to_thread(supervisor.start_process, process.name)
    await _wait(settings, show, until)


async def _wait(settings: Settings, show: Show, names: tuple[str, ...]) -> dict[str, Line]:
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while True:
        lines = await look(settings)
        show(lines)
        late = [name for name in names if lines[name].health != "healthy"]
        if not late:
            return lines
        fatal = [name for name in late if lines[name].state == "FATAL"]
        if fatal or time.monotonic() > deadline:
            name = (fatal or late)[0]
            said = Supervisor(settings).last_words(name)
            raise Unavailable(
                "STACK_UNHEALTHY", f"{name} does not come up; it said:\n{said}", f"see `assay logs {name}`"
            )
        await asyncio.sleep(0.5)


def refuse_taken_ports(settings: Settings, stopped: Iterable[str]) -> None:
    """Raises Conflict (`PORT_TAKEN`) with the setting to change, when a stopped process could not listen."""
    for name in stopped:
        for setting, port in ports(settings)[name].items():
            if not port_free(port):
                raise Conflict(
                    "PORT_TAKEN",
                    f"port {port} of {name} is taken by another program",
                    f"stop that program, or set {setting} to a free port",
                )


def port_free(port: int) -> bool:
    """Whether a server could listen on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _line(name: str, state: State | None, works: bool) -> Line:
    if state is None or state.state in ("STOPPED", "EXITED"):
        return Line(name, "stopped", state.state if state else "STOPPED", None, 0, WAITS_FOR[name])
    if works:
        return Line(name, "healthy", state.state, state.pid, state.uptime_seconds)
    health: Health = "unhealthy" if state.state in ("FATAL", "BACKOFF") else "starting"
    return Line(name, health, state.state, state.pid or None, state.uptime_seconds, WAITS_FOR[name])

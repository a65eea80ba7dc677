"""Start what is not running, wait until each is healthy, say where everything is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from assay.contracts.base import BasePin
from assay.contracts.errors import Unavailable
from assay.settings import Settings
from stack.ports import refuse_equal_ports, refuse_taken_ports
from stack.prepare import prepare
from stack.processes import Process, processes
from stack.status import Line, Show, look
from stack.supervise import Supervisor
from workers.run import connect, make_current

MakeTable = Callable[[Settings, BasePin], tuple[Process, ...]]
PATIENCE: Final = timedelta(minutes=5)
"""A cold engine on two busy cores takes about 90 seconds."""


async def up(
    settings: Settings, say: Callable[[str], None], show: Show, make_table: MakeTable = processes
) -> dict[str, Line]:
    """Bring the stack up; what runs already is left alone. `make_table` says of what it is made.

    Raises Conflict (`PORT_TAKEN`, `PORT_TWICE`, `SETTINGS_DIFFER`), Unavailable (`STACK_UNHEALTHY` names what did not
    come up and gives its last words), AssayError.
    """
    supervisor = Supervisor(settings)
    with supervisor.alone():
        supervisor.refuse_other_settings()
        refuse_equal_ports(settings)
        lines = await look(settings)
        if all(line.health == "healthy" for line in lines.values()):
            return lines
        if left := await asyncio.to_thread(supervisor.clear):
            say(f"ended {left} processes that a killed supervisor had left behind")
        refuse_taken_ports(settings, [name for name, line in lines.items() if line.pid is None])
        base = await asyncio.to_thread(prepare, settings, say)
        table = make_table(settings, base)
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

"""Which process listens where, by the setting that changes it."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from typing import Final

from assay.contracts.errors import Conflict
from assay.settings import Ports, Settings

WORKERS: Final = ("control", "data", "training", "serving")
_UNASKED: Final = range(10_000, 30_000)
"""Below what the kernel gives to outgoing connections (from 32,768 on Linux, 49,152 elsewhere): a port that it names as
free it may give to the next connection of any process, before the server that it was asked for is there."""
_chance: Final = random.SystemRandom()  # two processes with the same seed must not come upon the same


def ports(settings: Settings) -> dict[str, dict[str, int]]:
    """Process name to the ports it listens on, each by the setting that changes it."""
    numbers = settings.ports
    served = {
        "temporal": {
            "TEMPORAL": numbers.temporal,
            "TEMPORAL_UI": numbers.temporal_ui,
            "WORKER_METRICS": temporal_metrics(settings),
        },
        "opa": {"OPA": numbers.opa, "OPA_DIAGNOSTICS": numbers.opa_diagnostics},
        "engine": {"ENGINE": numbers.engine},
        "gateway": {"GATEWAY": numbers.gateway},
        "codec": {"CODEC": numbers.codec},
        **{name: {"WORKER_METRICS": port} for name, port in worker_metrics(settings).items()},
    }
    return {name: {f"ASSAY_PORTS__{part}": port for part, port in of.items()} for name, of in served.items()}


def worker_metrics(settings: Settings) -> dict[str, int]:
    """The port on which each worker process shows its metrics, by the name of the process."""
    return {f"worker-{name}": settings.ports.worker_metrics + i for i, name in enumerate(WORKERS)}


def temporal_metrics(settings: Settings) -> int:
    """Where the local Temporal shows its metrics: next to the workers, so that no setting of its own can collide."""
    return settings.ports.worker_metrics + len(WORKERS)


def refuse_equal_ports(settings: Settings) -> None:
    """Raises Conflict (`PORT_TWICE`) with both settings, when two processes were to listen on one port."""
    given: dict[int, tuple[str, str]] = {}
    for name, of in ports(settings).items():
        for setting, port in of.items():
            other, its_setting = given.setdefault(port, (name, setting))
            if (other, its_setting) != (name, setting):
                raise Conflict(
                    "PORT_TWICE",
                    f"port {port} is both {its_setting} of {other} and {setting} of {name}",
                    f"set {its_setting} or {setting} to another port",
                )


def refuse_taken_ports(settings: Settings, absent: Iterable[str]) -> None:
    """Raises Conflict (`PORT_TAKEN`) with the setting to change, when a process that is not there could not listen."""
    for name in absent:
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


def free_ports(count: int) -> range:
    """Loopback ports in a row that nobody listens on, for servers beside those of a stack."""
    while True:
        first = _chance.randrange(_UNASKED.start, _UNASKED.stop - count)
        found = range(first, first + count)
        if all(map(port_free, found)):
            return found


def free_stack_ports() -> Ports:
    """Where another stack can listen, beside any that runs: tests and benchmarks start theirs so."""
    names = [name for name in Ports.model_fields if name != "worker_metrics"]
    found = free_ports(len(names) + 1 + len(WORKERS))  # one a worker, then Temporal's metrics
    return Ports(**dict(zip(names, found, strict=False)), worker_metrics=found[len(names)])

"""Loopback ports for the servers that tests start."""

from __future__ import annotations

import random
from typing import Final

from stack.ports import WORKERS, port_free

_RANGE: Final = range(10_000, 30_000)
"""Below what the kernel gives to outgoing connections (from 32,768 on Linux, 49,152 elsewhere): it would give a port
that it names as free to the next connection of any process, before the server that it was asked for is there."""

_STACK: Final = ("temporal", "temporal_ui", "opa", "opa_diagnostics", "engine", "gateway", "worker_metrics")
_given: Final[set[int]] = set()
_chance: Final = random.SystemRandom()  # two test processes with the same seed must not ask for the same


def free_ports(count: int) -> range:
    """So many in a row that nobody listens on, and that were not given before."""
    while True:
        first = _chance.randrange(_RANGE.start, _RANGE.stop - count)
        found = range(first, first + count)
        if _given.isdisjoint(found) and all(map(port_free, found)):
            _given.update(found)
            return found


def stack_ports() -> dict[str, int]:
    """One for each setting of a local stack; after the last, those of the other workers and Temporal's metrics."""
    found = free_ports(len(_STACK) + len(WORKERS))
    return dict(zip(_STACK, found[: len(_STACK)], strict=True))

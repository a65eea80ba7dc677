"""Keeps the garbage collector from walking, in the middle of somebody's request, over what stays for ever anyway."""

from __future__ import annotations

import gc


def settle_memory() -> None:
    """Take what a process has built up at its start out of the collector's sight, and let it look more rarely.

    Call it once, after the imports. A full collection of some 300,000 objects that stay took 50 to 100 ms of processor
    time: it was the longest thing in a rollback, and the worst latencies of the gateway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)

"""One training worker a device: a second one waits beside it, and takes over when the first has ended."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_LOOK_SECONDS = 0.5
_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Tells machines apart; the containers of one share it."""

logger = logging.getLogger("assay.worker")


def training_device() -> str:
    """Name of the device that this process trains on: CUDA_VISIBLE_DEVICES, or all there is."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") or "all"


@asynccontextmanager
async def alone_on(home: Path, device: str | None, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Hold the device's slot of this installation on this machine; False when `stop` was set before it was free.

    The lock is the system's and goes with the process, however that ends. Without a device there is nothing to hold.
    """
    if device is None:
        yield True
        return
    folder = home / "devices" / _machine()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{re.sub(r'[^A-Za-z0-9,-]', '_', device)}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield await _locked(handle, device, stop)
    finally:
        os.close(handle)


def _machine() -> str:
    """Part of the lock's path: machines may share `home`, and file systems pass locks on between them."""
    return _BOOT.read_text("utf-8").strip()


async def _locked(handle: int, device: str, stop: asyncio.Event) -> bool:
    said = False
    while not stop.is_set():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not said:
                logger.info("another training worker has device %s; waiting until it ends", device)
                said = True
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue
    return False

"""Processes that outlived their supervisor (killed, out of memory): they hold ports and queues, so they are ended.

Every process of a stack carries the stack's home in its environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from assay.marked import marked

MARK: Final = "ASSAY_SUPERVISED_HOME"
GRACE_SECONDS: Final = 10.0


def leftovers(home: Path) -> list[psutil.Process]:
    """Processes of this home's stack, supervised or not, and all their children; never this one."""
    return marked(MARK, home)


def end(found: list[psutil.Process], grace: float = GRACE_SECONDS) -> int:
    """Ask each to stop, kill what does not within `grace` seconds; returns how many there were."""
    for process in found:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=grace)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=grace)
    return len(found)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return

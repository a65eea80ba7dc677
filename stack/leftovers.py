"""Processes that outlived their supervisor (killed, out of memory): they hold ports and queues, so they are ended.

Every process of a stack carries the stack's home in its environment, and hands it down to its children. Some of them
(SGLang's) write their title over their environment: those are found as children of the others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "ASSAY_SUPERVISED_HOME"
GRACE_SECONDS: Final = 10.0


def leftovers(home: Path) -> list[psutil.Process]:
    """Processes of this home's stack, supervised or not, and all their children; never this one."""
    marked = [process for process in psutil.process_iter() if process.pid != os.getpid() and _marked(process, home)]
    return list({process.pid: process for one in marked for process in (one, *_children(one))}.values())


def end(found: list[psutil.Process], grace: float = GRACE_SECONDS) -> int:
    """Ask each to stop, kill what does not within `grace` seconds; returns how many there were."""
    for process in found:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=grace)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=grace)
    return len(found)


def _marked(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(home.resolve())
    except (psutil.Error, OSError):
        return False  # gone meanwhile, or somebody else's


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return

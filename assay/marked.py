"""Processes that carry a mark in their environment, which they hand down to their children."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def marked(mark: str, folder: Path) -> list[psutil.Process]:
    """Processes whose variable `mark` names this folder, and all their children; never this one.

    Some (SGLang's) write their title over their environment: they are found as children of the others.
    """
    heads = [process for process in psutil.process_iter() if _is(process, mark, folder)]
    found = {process.pid: process for head in heads for process in (head, *_children(head))}
    return [process for pid, process in found.items() if pid != os.getpid()]


def _is(process: psutil.Process, mark: str, folder: Path) -> bool:
    try:
        return process.environ().get(mark) == str(folder.resolve())
    except (psutil.Error, OSError):
        return False  # gone meanwhile, or somebody else's


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []

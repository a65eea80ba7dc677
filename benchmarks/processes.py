"""Processes that benchmarks start on free loopback ports, and end by the id they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

ROOT: Final = Path(__file__).resolve().parents[1]
TOOLS: Final = ROOT / "var" / "bench" / "tools"


@contextmanager
def running(command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None) -> Iterator[psutil.Process]:
    """A process whose words go to `log`; ended, with its children, on the way out."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
    with log.open("ab") as said:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
    process = psutil.Process(started.pid)
    try:
        yield process
    finally:
        end(started)


def end(started: subprocess.Popen[bytes], patience: float = 30) -> None:
    """Ask it to end, wait, then ask what is left of its children; kill who does not listen."""
    try:
        family = psutil.Process(started.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    started.terminate()
    try:
        started.wait(patience)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    for signalled in (signal.SIGTERM, signal.SIGKILL):
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signalled)  # psutil checks that the pid is still the same process
        _, family = psutil.wait_procs(family, 5)


def answers(url: str, log: Path, seconds: float = 90) -> None:
    """Wait until a URL answers 200. Raises TimeoutError with the last words of `log`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urlopen(Request(url), timeout=2) as response:  # noqa: S310  # a loopback URL of ours
                if response.status == 200:
                    return
        except (URLError, OSError):
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer: {log.read_text('utf-8', 'replace')[-2000:]}")


def processor_seconds(process: psutil.Process) -> float:
    """User and system time of a process so far."""
    used = process.cpu_times()
    return float(used.user + used.system)


def load_tool() -> Path:
    """The engine and client of `benchmarks/load`, built with Go's standard library alone."""
    target = TOOLS / "load"
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(target), "."], cwd=ROOT / "benchmarks" / "load", check=True)  # noqa: S607
    return target


def private_tool(requirement: str, program: str) -> Path:
    """A program of a PyPI package in an environment of its own: its dependencies stay out of ours."""
    place = TOOLS / requirement.replace("==", "-")
    found = place / "bin" / program
    if not found.exists():
        uv = ROOT / ".tools" / "uv" / "bin" / "uv"
        runner = str(uv) if uv.exists() else "uv"
        subprocess.run([runner, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
        subprocess.run([runner, "pip", "install", "--quiet", "--python", str(place), requirement], check=True)
    return found

"""What benchmarks start does not outlive them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as bench
from benchmarks.processes import running


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A script that starts a child, and says its pid in a file beside it."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "pathlib.Path(__file__).with_name('pid').write_text(f'{child.pid}\\n')\n"
        "time.sleep(600)\n"
    )
    return script


def child_of(parent: Path) -> int:
    file = parent.with_name("pid")
    while not file.exists() or not file.read_text().endswith("\n"):
        time.sleep(0.05)
    return int(file.read_text())


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_children_end_with_what_was_started(parent: Path, tmp_path: Path) -> None:
    with running([sys.executable, str(parent)], tmp_path / "log"):
        child = child_of(parent)
    assert not alive(child)


def test_a_benchmark_that_takes_too_long_leaves_nothing(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "LONGEST_SECONDS", 2)
    assert not bench.run("parent", parent, tmp_path)
    assert not alive(child_of(parent))

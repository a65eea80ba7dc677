"""Temporary files of a killed process do not stay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from assay.scratch import scratch

KILLED = """
import os, signal, sys, tempfile
from pathlib import Path
from assay.scratch import scratch
with scratch(Path(sys.argv[1]), "one"):
    (Path(tempfile.mkdtemp()) / "rows").write_text("somebody's")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False).returncode < 0
    assert [path.name for path in tmp_path.rglob("rows")] == ["rows"]
    with scratch(tmp_path, "two"):
        assert list(tmp_path.rglob("rows")) == []


def test_folders_in_use_are_left_alone(tmp_path: Path) -> None:
    with scratch(tmp_path, "one") as first:
        (first / "rows").write_text("mine")
        with scratch(tmp_path, "two") as second:
            assert (first / "rows").read_text() == "mine"
            assert second != first


def test_temporary_files_go_there_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with scratch(tmp_path, "one") as folder:
        assert tempfile.gettempdir() == str(folder)
    assert not folder.exists()
    assert tempfile.gettempdir() == before

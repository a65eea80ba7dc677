"""Marked processes are found with their children; who asks is never among them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ASKS = """
import os, subprocess, sys
from pathlib import Path
from assay.marked import marked
child = subprocess.Popen(["sleep", "60"], env={})
found = {process.pid for process in marked("ASSAY_TEST_MARK", Path(sys.argv[1]))}
child.kill()
child.wait()
print(os.getpid() in found, os.getppid() in found, child.pid in found)
"""


def test_who_asks_is_not_among_them_also_as_a_child_of_one(tmp_path: Path) -> None:
    between = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"
    environment = os.environ | {"ASSAY_TEST_MARK": str(tmp_path.resolve())}
    command = [sys.executable, "-c", between, ASKS, str(tmp_path)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split() == ["False", "True", "True"]

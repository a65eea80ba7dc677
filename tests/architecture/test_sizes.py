"""Files and functions stay small enough to be read at once; nothing of anybody's machine is in the tree."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
PYTHON = [name for name in TRACKED if name.endswith(".py") and (ROOT / name).exists()]
TEXT = [name for name in TRACKED if not name.endswith((".png", ".svg", ".parquet", ".lock", ".sig", ".gz"))]
FOREIGN = re.compile(r"(/work/|/root/|/home/)[a-z]|://[a-z.]*(pypi|pythonhosted|golang|npmjs|crates)\b", re.IGNORECASE)


@pytest.mark.parametrize("name", PYTHON)
def test_files_are_short(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").count("\n")
    assert lines <= LONGEST_FILE, f"{name} has {lines} lines"


@pytest.mark.parametrize("name", PYTHON)
def test_functions_are_short(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION or "migrations" in name, f"{name}: {node.name} has {length} lines"


@pytest.mark.parametrize("name", TEXT)
def test_no_machine_is_named(name: str) -> None:
    if name == "tests/architecture/test_sizes.py" or not (ROOT / name).exists():
        return
    found = FOREIGN.search((ROOT / name).read_text("utf-8", "replace"))
    assert found is None, f"{name} names {found[0] if found else ''}"

"""The tree as the rules see it: every Python file, parsed once."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return _ROOT


@pytest.fixture(scope="session")
def tracked() -> tuple[str, ...]:
    """Names of all files that would be in a clone, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(sorted(name for name in listed if (_ROOT / name).is_file()))


@pytest.fixture(scope="session")
def trees(tracked: tuple[str, ...]) -> Mapping[str, ast.Module]:
    """Syntax tree of every Python file, by name."""
    return {name: ast.parse((_ROOT / name).read_text("utf-8")) for name in tracked if name.endswith(".py")}

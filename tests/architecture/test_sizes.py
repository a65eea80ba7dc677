"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

LONGEST_FILE, LONG_FUNCTION, LONGEST_FUNCTION = 400, 40, 60
RARELY = 0.03
"""Share of functions that may be longer than LONG_FUNCTION lines."""


def functions(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, int]]:
    """(file:name, lines) of every function; migrations list columns and are left out."""
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and "/migrations/" not in name:
                yield f"{name}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short(trees: Mapping[str, ast.Module], root: Path) -> None:
    lines = {name: len((root / name).read_text("utf-8").splitlines()) for name in trees}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_functions_are_short(trees: Mapping[str, ast.Module]) -> None:
    lines = dict(functions(trees))
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}
    longer = {name: count for name, count in lines.items() if count > LONG_FUNCTION}
    assert len(longer) <= RARELY * len(lines), longer

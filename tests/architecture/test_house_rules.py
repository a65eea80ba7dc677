"""What may stand nowhere in the tree: somebody's machine, work left for later, tests that test nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

MACHINE = re.compile(
    r"(?<![\w.])/(work|root|home)/[a-z]|https?://[a-z.-]*(pypi|pythonhosted|golang|npmjs)\b", re.IGNORECASE
)
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
BINARY = (".png", ".svg", ".parquet", ".gif", ".gz", ".lock", ".jsonl")
SKIPS = frozenset({"skip", "skipif", "xfail", "importorskip"})
CHECKS = frozenset({"raises", "fail", "warns"})


def texts(root: Path, tracked: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and text of every file that people read."""
    for name in tracked:
        if not name.endswith(BINARY):
            yield name, (root / name).read_text("utf-8", "replace")


def all_tests(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, ast.AST]]:
    """Every test function."""
    for name, tree in trees.items():
        if name.startswith("tests/"):
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                    yield f"{name}:{node.name}", node


def checks_something(node: ast.AST) -> bool:
    """Whether a test asserts, expects an exception, or leaves it to a helper that says so in its name."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            name = inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
            if name in CHECKS or name.startswith(("assert_", "check_", "expect", "eventually", "replay_", "until")):
                return True
    return False


def test_no_machine_is_named(root: Path, tracked: tuple[str, ...]) -> None:
    assert {name: found[0] for name, text in texts(root, tracked) if (found := MACHINE.search(text))} == {}


def test_nothing_is_left_for_later(root: Path, tracked: tuple[str, ...]) -> None:
    assert [name for name, text in texts(root, tracked) if LATER.search(text)] == []


def test_every_test_checks_something(trees: Mapping[str, ast.Module]) -> None:
    assert [name for name, node in all_tests(trees) if not checks_something(node)] == []


def test_no_test_is_skipped_or_mocked(trees: Mapping[str, ast.Module]) -> None:
    found = []
    for name, tree in trees.items():
        for node in ast.walk(tree) if name.startswith("tests/") else ():
            if isinstance(node, ast.Attribute) and node.attr in SKIPS and "pytest" in ast.unparse(node):
                found.append(f"{name}: {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest"):
                found.append(f"{name}: {node.module}")
    assert found == []

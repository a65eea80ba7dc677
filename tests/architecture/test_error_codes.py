"""Every code that the code base raises is explained where people look it up, and no explanation has lost its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
REASON = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): ")
"""`CODE: sentence`, as a status gives its reasons."""
FIRST_COLUMN = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)
NOT_RAISED = ("Rule", "get", "StoppedEarly")
"""Calls that begin with such a word for another reason: kinds of personal data, environment, the demonstration."""


def raised(tree: ast.Module) -> Iterator[str]:
    """Codes that a file gives an error (also through a helper that makes one), a failure or a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = _text(node.args[0]) if node.args else ""
            if CODE.fullmatch(first) and name not in NOT_RAISED:
                yield first
            if name == "ApplicationError":
                yield from (said for word in node.keywords if word.arg == "type" and (said := _text(word.value)))
        elif (found := REASON.match(_text(node))) and not found[1].startswith("ASSAY_"):
            yield found[1]


def gateway_codes(tree: ast.Module) -> Iterator[str]:
    """Codes of HTTP refusals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal" and (code := _text(node.args[1])):
            yield code


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def ours(trees: Mapping[str, ast.Module]) -> Iterator[ast.Module]:
    """What ships."""
    yield from (tree for name, tree in trees.items() if not name.startswith(("tests/", "benchmarks/")))


def test_every_raised_code_is_explained(trees: Mapping[str, ast.Module], root: Path) -> None:
    found = {code for tree in ours(trees) for code in raised(tree)}
    assert {"JSONL_MALFORMED", "ADAPTER_SHAPE", "UNEXPECTED", "APPROVAL_EXPIRED", "POINTER_MOVED"} <= found
    explained = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", _read(root, "errors.md") + _read(root, "policies.md")))
    assert sorted(found - explained) == []


def test_every_code_of_the_gateway_is_explained(trees: Mapping[str, ast.Module], root: Path) -> None:
    found = {code for tree in ours(trees) for code in gateway_codes(tree)}
    assert {"invalid_api_key", "model_not_found", "no_route_table"} <= found
    assert sorted(found - set(re.findall(r"`([a-z_]+)`", _read(root, "gateway.md")))) == []


def test_no_explained_code_is_gone(trees: Mapping[str, ast.Module], root: Path) -> None:
    found = {code for tree in ours(trees) for code in raised(tree)}
    assert sorted(set(FIRST_COLUMN.findall(_read(root, "errors.md"))) - found) == []


def _read(root: Path, page: str) -> str:
    return (root / "docs" / page).read_text("utf-8")

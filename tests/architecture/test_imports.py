"""Which folder may look at which, and what may not be imported where. The map is in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset(
    {"assay", "workflows", "activities", "registry", "serving", "evals", "workers", "stack", "examples", "benchmarks"}
)
MAY_IMPORT: dict[str, set[str]] = {
    "assay.contracts": set(),
    "assay": {"assay.contracts", "assay"},
    "assay.cli": {"assay.contracts", "assay", "stack", "registry", "serving", "workers", "activities"},
    "workflows": {"assay.contracts", "workflows"},
    "registry": {"assay.contracts", "assay", "registry"},
    "evals": {"assay.contracts", "evals"},
    "serving": {"assay.contracts", "assay", "registry", "serving"},
    "activities": {"assay.contracts", "assay", "registry", "evals", "serving", "activities"},
    "workers": {"assay.contracts", "assay", "workflows", "activities", "registry", "serving", "workers"},
    "stack": {"assay.contracts", "assay", "registry", "serving", "activities", "workers", "stack"},
    "examples": {"assay.contracts", "assay", "examples"},
}
TORCH = frozenset({"torch", "transformers", "trl", "peft", "deepspeed", "accelerate", "datasets", "sglang"})
TORCH_HOMES = ("activities/training", "evals", "serving/engines", "serving/material.py")


def modules() -> list[Path]:
    return [path for folder in sorted(OURS) for path in sorted((ROOT / folder).rglob("*.py"))]


def owner(module: str) -> str:
    """The entry of MAY_IMPORT that a dotted name belongs to: the longest that fits."""
    return max((name for name in MAY_IMPORT if module == name or module.startswith(f"{name}.")), key=len, default="")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module of a file, and whether it is imported when the file is."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node not in inside) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node not in inside


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_arrows_point_one_way(path: Path) -> None:
    here = owner(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if not here:
        pytest.fail(f"{path} belongs to no part of the house")
    for module, _ in imports(path):
        if module.split(".")[0] in OURS:
            there = owner(module)
            assert there == here or there in MAY_IMPORT[here], f"{here} may not import {module}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_torch_stays_where_models_run(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    for module, at_import in imports(path):
        if module.split(".")[0] in TORCH:
            assert name.startswith(TORCH_HOMES), f"{name} imports {module}"
            if not name.startswith("activities/training"):
                assert not at_import, f"{name} imports {module} when it is imported"


@pytest.mark.parametrize(
    "entry",
    [
        "assay.cli",
        "assay.client",
        "workflows",
        "serving.gateway.app",
        "activities.training.activity",
        "workers.control",
    ],
)
def test_nothing_heavy_is_loaded_by_importing(entry: str) -> None:
    code = f"import sys, {entry}; print(sorted(sys.modules.keys() & {set(TORCH)!r}))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_command_line_answers_help_without_loading_its_commands() -> None:
    code = "import sys, assay.cli; print(sorted(sys.modules.keys() & {'temporalio.client', 'sqlalchemy', 'registry'}))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"

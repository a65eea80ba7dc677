"""Which folder may look at which, and what may not be imported where. The map is in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "assay.contracts": frozenset(),
    "assay": frozenset({"assay.contracts"}),
    "assay.cli": frozenset(
        {"assay.contracts", "assay", "stack", "registry", "evals", "serving", "workers", "activities"}
    ),
    "workflows": frozenset({"assay.contracts"}),
    "registry": frozenset({"assay.contracts", "assay"}),
    "evals": frozenset({"assay.contracts"}),
    "serving": frozenset({"assay.contracts", "assay", "registry"}),
    "activities": frozenset({"assay.contracts", "assay", "registry", "evals", "serving"}),
    "workers": frozenset({"assay.contracts", "assay", "workflows", "activities", "registry", "serving"}),
    "stack": frozenset({"assay.contracts", "assay", "registry", "serving", "activities", "workers"}),
    "examples": frozenset({"assay.contracts", "assay"}),
}
"""A part may always import itself. `assay` alone is what other services install: client, converter, settings."""

HEAVY = frozenset({"torch", "transformers", "trl", "peft", "deepspeed", "accelerate", "datasets", "sglang"})
HEAVY_LATE = ("activities/training/", "evals/", "serving/engines/", "serving/material.py")
"""May import heavy libraries inside functions, where the work is done."""
HEAVY_AT_ONCE = ("activities/training/", "serving/engines/cpu_shim/")
"""May import them at the top: the trainer's own process, and what runs inside SGLang's."""
OURS = frozenset(name.split(".")[0] for name in MAY_IMPORT)


def owner(module: str) -> str:
    """The part that a dotted name belongs to: the longest that fits, or "" outside the house."""
    return max((part for part in MAY_IMPORT if module == part or module.startswith(f"{part}.")), key=len, default="")


def imported(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every imported module, and whether it is imported as soon as the file is."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    late = {inner for node in ast.walk(tree) if isinstance(node, functions) for inner in ast.walk(node)}
    late |= {inner for node in ast.walk(tree) if _only_for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node not in late) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or ""), node not in late


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def ours(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, str, bool]]:
    """(file, imported module, at once) of every import in our packages."""
    for name, tree in trees.items():
        if name.split("/")[0] in OURS:
            yield from ((name, module, at_once) for module, at_once in imported(tree))


def test_arrows_point_one_way(trees: Mapping[str, ast.Module]) -> None:
    against = []
    for name, module, _ in ours(trees):
        here, there = owner(name.removesuffix(".py").replace("/", ".")), owner(module)
        if there and there != here and there not in MAY_IMPORT[here]:
            against.append(f"{name} imports {module}")
    assert against == []


def test_imports_are_absolute(trees: Mapping[str, ast.Module]) -> None:
    assert [f"{name} imports {module}" for name, module, _ in ours(trees) if module.startswith(".")] == []


def test_every_package_has_its_place_in_the_map(trees: Mapping[str, ast.Module]) -> None:
    packages = {name.split("/")[0] for name in trees if "/" in name} - {"tests", "benchmarks", "docs"}
    assert packages <= OURS


def test_heavy_libraries_stay_where_models_run(trees: Mapping[str, ast.Module]) -> None:
    heavy = [(name, module, at_once) for name, module, at_once in ours(trees) if module.split(".")[0] in HEAVY]
    assert [f"{name}: {module}" for name, module, _ in heavy if not name.startswith(HEAVY_LATE)] == []
    assert [
        f"{name}: {module}" for name, module, at_once in heavy if at_once and not name.startswith(HEAVY_AT_ONCE)
    ] == []


def test_only_tests_import_from_tests_and_only_the_servers_they_share(trees: Mapping[str, ast.Module]) -> None:
    found = [
        f"{name}: {module}"
        for name, tree in trees.items()
        for module, _ in imported(tree)
        if module.split(".")[0] == "tests"
        if not (name.startswith("tests/") and module.startswith("tests._servers"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "entry", ["assay.client", "workflows", "serving.gateway.app", "activities.training.activity", "workers.control"]
)
def test_importing_it_loads_nothing_heavy(entry: str, root: Path) -> None:
    assert loaded_by(f"import {entry}", root) & HEAVY == frozenset()


def test_help_loads_no_command(root: Path) -> None:
    help_ = "from click.testing import CliRunner; from assay.cli.main import cli; CliRunner().invoke(cli, ['--help'])"
    loaded = loaded_by(help_, root)
    assert "click" in loaded
    assert loaded & (HEAVY | {"temporalio", "sqlalchemy", "pydantic", "rich", "registry", "stack"}) == frozenset()


def loaded_by(code: str, root: Path) -> frozenset[str]:
    """Top-level modules that a fresh interpreter has after running `code`."""
    program = f"import sys; {code}; print(' '.join(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return frozenset(said.stdout.split())

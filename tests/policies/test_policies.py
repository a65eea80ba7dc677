"""The policies are formatted, strict, covered by their own tests, and keep the conventions of the house."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from activities.policy.bundle import POLICIES, policy_revision
from activities.policy.catalogue import GATES, PAGE, page, rules
from activities.policy.opa import find_opa

MODULES = sorted(POLICIES.rglob("*.rego"))


def opa(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(find_opa()), *arguments], capture_output=True, text=True, input=given, timeout=120, check=False
    )


def findings(modules: list[dict[str, Any]]) -> list[dict[str, str]]:
    asked = json.dumps({"modules": modules})
    done = opa(
        "eval", "-b", str(POLICIES), "--stdin-input", "--format", "values", "data.assay.conventions.deny", given=asked
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)[0]
    return found


@pytest.fixture(scope="module")
def parsed() -> list[dict[str, Any]]:
    def parse(path: Path) -> dict[str, Any]:
        done = opa("parse", "--format", "json", "--json-include", "locations,-comments", str(path))
        return {"path": path.relative_to(POLICIES).as_posix(), "module": json.loads(done.stdout)}

    return [parse(path) for path in MODULES]


def test_formatted() -> None:
    assert opa("fmt", "--list", str(POLICIES)).stdout == ""


def test_strict() -> None:
    done = opa("check", "--strict", "-b", str(POLICIES))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("load", [["-b"], []], ids=["as a bundle", "as files"])
def test_own_tests_pass_and_reach_every_line(load: list[str]) -> None:
    done = opa("test", *load, str(POLICIES), "--coverage", "--threshold", "100", "--fail-on-empty", "--timeout=90s")
    assert done.returncode == 0, done.stdout + done.stderr


def test_conventions_hold(parsed: list[dict[str, Any]]) -> None:
    assert findings(parsed) == []


def test_conventions_see_what_they_are_for(parsed: list[dict[str, Any]]) -> None:
    """A rule whose metadata is taken away is found in the real policies, not only in the small ones of its tests."""
    (review,) = (entry for entry in parsed if entry["path"] == "assay/review/evaluation.rego")
    rule = next(r for r in review["module"]["rules"] if r["head"]["ref"][0]["value"] == "deny")
    kept = rule.pop("annotations")
    try:
        assert "CONVENTIONS_METADATA_MISSING" in {finding["code"] for finding in findings(parsed)}
    finally:
        rule["annotations"] = kept


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(POLICIES).as_posix())
def test_directory_is_the_package(path: Path) -> None:
    package = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("package "))
    expected = ".".join(path.parent.relative_to(POLICIES).parts)
    named = package.removeprefix("package ")
    assert named in (expected, f"{expected}_test") or path.name == "testing_test.rego"
    assert named.endswith("_test") == path.name.endswith("_test.rego")


def test_revision_names_the_content(tmp_path: Path) -> None:
    for path in POLICIES.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(POLICIES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    assert policy_revision(tmp_path) == policy_revision()
    (tmp_path / "assay" / "lib" / "lib_test.rego").write_text("package assay.lib_test\n", encoding="utf-8")
    assert policy_revision(tmp_path) == policy_revision()
    thresholds = tmp_path / "tunables" / "thresholds" / "data.yaml"
    thresholds.write_text(thresholds.read_text("utf-8").replace("0.5", "0.4"), encoding="utf-8")
    assert policy_revision(tmp_path) != policy_revision()


def test_documentation_says_what_the_rules_say() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text
    assert {rule.gate for rule in rules()} == set(GATES)


def test_page_that_lost_its_mark_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="has lost its line"):
        page("# Something else\n")

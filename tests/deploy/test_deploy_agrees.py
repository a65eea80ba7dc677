"""What is under deploy/ agrees with the house: settings that exist, ports, images with what their processes import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from assay.contracts.names import SEARCH_ATTRIBUTES
from assay.settings import Settings
from stack.environment import variables
from stack.status import scraped

from .metric_names import metrics, rules

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OURS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"tests"}
OTHER_VARIABLES = {"ASSAY_ENGINE_KEY", "ASSAY_ENGINE_ADMIN_KEY"}
"""Of the engine's launcher."""
FOR_COMPOSE = {"ASSAY_POSTGRES_PASSWORD", "ASSAY_S3_SECRET_KEY", "ASSAY_BASE_REVISION", "ASSAY_VERSION"}
IMAGES = {
    "control": ("server", ("workers.control", "workers.data", "workers.serving", "stack.prepare", "assay.cli.local")),
    "training": ("server,train", ("workers.training", "activities.training.sft")),
    "engine": ("engine", ("serving.engines.launcher",)),
    "gateway": ("gateway", ("serving.gateway.__main__",)),
}


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def test_every_alert_has_its_paragraph_in_the_documents() -> None:
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    headings = {line.removeprefix("### ").lower() for line in page.splitlines() if line.startswith("### ")}
    alerts = [rule for group in rules()["groups"] for rule in group["rules"]]
    assert len(alerts) > 10
    for alert in alerts:
        where, anchor = alert["annotations"]["runbook_url"].split("#")
        assert where == "docs/observability.md"
        assert anchor == alert["alert"].lower()
        assert anchor in headings


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, x) (rate(a_bucket{job="b", c=~"d.+"}[5m])) / on (e) group_left (f) g > 0.02', {"a_bucket", "g"}),
        ('time() - a > 60 and a > 0 or sglang:b{x="}("}', {"a", "sglang:b"}),
        ("histogram_quantile(0.95, sum(rate(a[$__rate_interval])) by (le)) unless b offset 1h", {"a", "b"}),
    ],
)
def test_metrics_are_found_in_an_expression(expression: str, names: set[str]) -> None:
    assert metrics(expression) - {"h"} == names


def test_every_variable_that_is_set_is_a_setting() -> None:
    known = {name for name, _ in variables(Settings())} | OTHER_VARIABLES | FOR_COMPOSE
    templates = [path for path in (DEPLOY / "helm" / "assay").rglob("*.yaml") if path.parent.name != "ci"]
    for path in (DEPLOY / "compose.yaml", *DEPLOY.glob("containers/*"), *templates):
        found = set(re.findall(r"\bASSAY_[A-Z_]+\b", path.read_text("utf-8")))
        assert sorted(found - known) == [], path


def test_prometheus_finds_every_process_of_the_compose_file() -> None:
    config = yaml.safe_load((DEPLOY / "observability" / "prometheus.yaml").read_text("utf-8"))
    targets = {
        target for job in config["scrape_configs"] for static in job["static_configs"] for target in static["targets"]
    }
    hosts = {target.split(":")[0] for target in targets}
    assert hosts == set(scraped(Settings()))
    assert hosts <= set(compose()["services"])
    ports = Settings().ports
    assert {f"worker-{name}:{ports.worker_metrics + i}" for i, name in enumerate(("control", "data"))} <= targets
    assert f"gateway:{ports.gateway}" in targets


def test_the_search_attributes_that_are_made_are_those_that_workflows_set() -> None:
    wanted = {key.name for key in SEARCH_ATTRIBUTES}
    for path in (DEPLOY / "compose.yaml", DEPLOY / "helm" / "assay" / "templates" / "NOTES.txt"):
        [line] = re.findall(r"for name in ([^;]+);", path.read_text("utf-8"))
        assert set(line.split()) == wanted


def test_no_container_runs_as_root_or_writes_its_own_files() -> None:
    for path in DEPLOY.glob("containers/*.Dockerfile"):
        users = re.findall(r"^USER (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert users == ["10001:10001"], path
    ours = {name: one for name, one in compose()["services"].items() if one["image"].startswith("assay/")}
    assert len(ours) == 7
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_what_its_processes_import(image: str) -> None:
    extras, modules = IMAGES[image]
    text = (DEPLOY / "containers" / f"{image}.Dockerfile").read_text("utf-8")
    assert f"'.[{extras}]'" in text
    copied = set(re.findall(r"^COPY (\w+) \1$", text.split("WORKDIR /app")[1], re.MULTILINE))
    assert {"assay", *(module.split(".")[0] for module in modules)} <= copied
    absent = absent_modules(closure(extras.split(","))) | (OURS - copied)
    assert "torch" in absent or "train" in extras or "engine" in extras
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, json.dumps(sorted(absent)), *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


IMPORT = """
import importlib, json, sys
absent, *modules = sys.argv[1:]
absent = frozenset(json.loads(absent))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, ".")
for module in modules:
    importlib.import_module(module)
"""
"""Imports modules where others are not installed."""


def absent_modules(installed: set[str]) -> set[str]:
    """Top-level modules that only distributions outside of these provide."""
    return {
        name
        for name, providers in packages_distributions().items()
        if not {canonicalize_name(provider) for provider in providers} & installed and name not in OURS
    }


def closure(extras: list[str]) -> set[str]:
    """Everything that the project with these extras brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = (project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras))
    nodeps = (ROOT / "requirements-nodeps.in").read_text("utf-8").split() if "server" in extras else []
    found = {canonicalize_name(Requirement(line).name) for line in nodeps}
    waiting = [Requirement(line) for lines in listed for line in lines]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found.add(name)
        try:
            needs = [Requirement(text) for text in requires(wanted.name) or ()]
        except PackageNotFoundError:
            continue
        waiting += [need for need in needs if need.marker is None or _applies(need, wanted.extras)]
    return found


def _applies(need: Requirement, extras: set[str]) -> bool:
    assert need.marker is not None
    return any(need.marker.evaluate({"extra": extra}) for extra in (extras or {""}))

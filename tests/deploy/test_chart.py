"""What the chart's values come to: settings that reach the pods, and pods that do not stand in each other's way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HELM = ROOT / ".tools" / "lint" / "bin" / "helm"
KEPT = "/var/lib/assay"

pytestmark = pytest.mark.timeout(1800)  # from nothing, helm is minutes of a compiler


def checked(node: yaml.Node | None) -> None:
    """A key that stands twice is an error for `kubectl`, and is not for `helm template`."""
    if isinstance(node, yaml.MappingNode):
        names = [name.value for name, _ in node.value]
        assert len(names) == len(set(names)), names
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for one in child if isinstance(child, tuple) else (child,):
            checked(one)


def rendered(**values: Any) -> dict[tuple[str, str], Any]:
    """Objects by kind and name."""
    if not HELM.exists():
        subprocess.run([ROOT / "scripts" / "check-deploy"], check=True, capture_output=True)
    chart = str(ROOT / "deploy" / "helm" / "assay")
    command = [str(HELM), "template", "r", chart, "--kube-version", "1.34.0", "--values", "-"]
    done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for node in yaml.compose_all(done.stdout, yaml.SafeLoader):
        checked(node)
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout) if one}


ENGINE = {"baseRevision": "r1"}


def test_what_the_engines_hold_is_what_workers_admit() -> None:
    """Else an adapter of rank 64 trains and never loads, and prompts end at 2,048 tokens."""
    options = {"contextLength": 8192, "maxLoras": 8, "maxLoadedLoras": 32, "maxLoraRank": 64, "maxTotalTokens": 1000000}
    found = rendered(engine=ENGINE | options)
    settings = found["ConfigMap", "r-assay"]["data"]
    said = {name.removeprefix("ASSAY_ENGINE__"): value for name, value in settings.items() if "ENGINE__" in name}
    assert said["CONTEXT_LENGTH"] == "8192"
    assert said["MAX_LORAS"] == "8"
    assert said["MAX_LOADED_LORAS"] == "32"
    assert said["MAX_LORA_RANK"] == "64"
    assert said["MAX_TOTAL_TOKENS"] == "1000000"
    [engine] = found["StatefulSet", "r-assay-engine"]["spec"]["template"]["spec"]["containers"]
    assert {"--max-lora-rank=64", "--max-total-tokens=1000000"} <= set(engine["args"])


def test_a_setting_of_ones_own_takes_the_place_of_the_charts() -> None:
    settings = rendered(engine=ENGINE, settings={"ASSAY_LOG_FORMAT": "text"})["ConfigMap", "r-assay"]["data"]
    assert settings["ASSAY_LOG_FORMAT"] == "text"
    assert settings["ASSAY_BLOB_URL"] == "s3://assay/blobs"


def test_workers_share_no_folder_that_they_lock() -> None:
    """Over a shared volume a second training pod would wait for the device of the first, on another machine."""
    workers = [
        one for (kind, name), one in rendered(engine=ENGINE).items() if kind == "Deployment" and "worker" in name
    ]
    assert len(workers) == 4
    for worker in workers:
        pod = worker["spec"]["template"]["spec"]
        own = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
        mounted = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert {mounted.get(f"{KEPT}/{folder}") for folder in ("devices", "scratch", "runs")} <= own


@pytest.mark.parametrize("who", ["gateway", "engine", "opa", "metrics"])
def test_prometheus_gets_through_to_every_pod(who: str) -> None:
    """Also to gateways that only some may call."""
    caller = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    scraper = {"namespaceSelector": {"matchLabels": {"name": "watchers"}}}
    found = rendered(engine=ENGINE, gateway={"allowFrom": [caller]}, networkPolicy={"metricsFrom": [scraper]})
    rules = found["NetworkPolicy", f"r-assay-{who}"]["spec"]["ingress"]
    assert scraper in [source for rule in rules for source in rule["from"]]


def test_without_scrapers_nobody_else_gets_through() -> None:
    """An empty list of sources would mean all of them."""
    found = rendered(engine=ENGINE, gateway={"allowFrom": [{"podSelector": {}}]}, networkPolicy={"metricsFrom": []})
    rules = [
        rule for (kind, _), one in found.items() if kind == "NetworkPolicy" for rule in one["spec"].get("ingress", ())
    ]
    assert len(rules) == 3
    assert all(rule["from"] for rule in rules)

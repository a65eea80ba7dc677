"""What is under deploy/ passes other people's linters, and they would say so if it did not. Builds them when needed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(1800)  # from nothing, promtool and helm are minutes of a compiler


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "scripts" / "check-deploy"), str(folder)], capture_output=True, text=True, check=False
    )


def test_everything_passes() -> None:
    done = checked(ROOT / "deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("--")] == [
        "-- prometheus",
        "-- containers",
        "-- compose",
        "-- chart",
    ]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("observability/alerts.yaml", "sum by (gate) (increase(", "sum by (gate) (increese(", "increese"),
        # Valid all the same: only the rule's own test can tell.
        ("observability/alerts.yaml", "< on () group_left", "> on () group_left", "AssayGatewayBehind"),
        ("observability/dashboard.json", "sum by (status) (rate(", "sum by (status) rate(", "parse"),
        ("containers/gateway.Dockerfile", "USER 10001:10001", "USER root", "DL3002"),
        ("compose.yaml", "stop_grace_period: 40s", "stop_grace: 40s", "stop_grace"),
        ("helm/assay/templates/opa.yaml", "replicas:", "replicants:", "replicants"),
    ],
    ids=["rule", "meaning of a rule", "panel", "container", "compose", "chart"],
)
def test_a_mistake_is_found(tmp_path: Path, file: str, right: str, wrong: str, said: str) -> None:
    copy = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", copy)
    path = copy / file
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), "utf-8")
    done = checked(copy)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr

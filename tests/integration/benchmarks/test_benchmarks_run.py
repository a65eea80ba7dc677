"""Every benchmark runs, in sizes that measure nothing, and writes figures from which the page is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page

ROOT = Path(__file__).resolve().parents[3]


def run(name: str, out: Path, *arguments: str) -> dict[str, Any]:
    file = out / f"{name}.json"
    command = [sys.executable, f"benchmarks/{name}.py", "--out", str(file), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert report["title"] in done.stdout
    return report


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "arguments", "figure"),
    [
        ("gateway", "--no-smg --seconds 0.2 --rounds 1 --connections 1", "1 connection: added by gateway, p50"),
        ("signing", "--megabytes 1 --rounds 1", "1 MB: verify / plain, rate"),
        ("adapters", "--layers 1 --rounds 1", "cold: from the blob store into the engine"),
        ("policy", "--seconds 0.1", "routes gate, 1,000 pairs: p99"),
        ("intake", "--rows 90 --presidio-rows 30", "texts a second, Assay / Presidio"),
        ("intake_scale", "--rows 120 --shard-rows 50", "peak memory beyond the models"),
        ("lifecycles", "--lifecycles 2", "longest history, events"),
        ("erasure", "--rows 300 --repeat 2", "300 rows: unservable"),
        ("rollback", "--flips 2 --routes 3", "a flip until every gateway confirmed it, p99"),
    ],
)
def test_a_benchmark_measures_what_it_says(name: str, arguments: str, figure: str, tmp_path: Path) -> None:
    report = run(name, tmp_path, *arguments.split())
    rows = {row["what"]: row for row in report["rows"]}
    assert report["name"] == name
    assert report["repeat"] == f"python benchmarks/{name}.py {arguments}"
    assert figure in rows
    assert all(isinstance(row["value"], int | float) for row in report["rows"])
    assert all((row["met"] is None) == (row["aim"] is None) for row in report["rows"])
    if name == "rollback":
        assert rows["answers from the new arm after a flip"]["value"] == 0
        assert rows["loads at the engine"]["value"] == 0
    page.write(results=tmp_path, notes=tmp_path, page=tmp_path / "page.md")
    assert figure in (tmp_path / "page.md").read_text("utf-8")

"""What operators see of a running stack: a trace from the typed client on, every process's metrics, JSON logs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .collector import Collector
from .house import BIN, ROOT, Stack, ended, example, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENT = """
import asyncio, sys
from assay.client import AssayClient
from assay.contracts.data import IntakeRequest
from assay.settings import Settings
from assay.telemetry import traces

async def main():
    client = await AssayClient.connect(Settings().temporal)
    request = IntakeRequest.model_validate_json(open(sys.argv[1]).read())
    with traces.span("nightly import"):
        print(traces.current_ids()["trace_id"])
        handle = await client.start_intake(request)
    await handle.result()

traces.configure_traces(Settings(), "crm")
asyncio.run(main())
traces.flush_traces()
"""
"""Another service, with the light package and OpenTelemetry."""


@pytest.fixture(scope="module")
def trace(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of an intake that a typed client started and that has ended."""
    document = tmp_path_factory.mktemp("seen") / "intake.json"
    document.write_text(json.dumps(example(stack, "intake.json", dataset="seen")))
    done = ended(stack.settings, sys.executable, "-c", CLIENT, str(document))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_trace_leads_from_the_typed_client_to_the_gate(stack: Stack, trace: str, collector: Collector) -> None:
    until(lambda: bool(collector.find(trace, "assay-worker-data", "RunActivity:seal_dataset")))
    gate = collector.find(trace, "assay-worker-data", "decide")[0]
    assert collector.ancestors(gate) == [
        "assay-worker-data RunActivity:screen_source",
        "assay-worker-control StartActivity:screen_source",
        "crm StartWorkflow:Intake",
        "crm nightly import",
    ]


def test_a_command_is_a_span_under_the_trace_of_whoever_started_it(stack: Stack, collector: Collector) -> None:
    environment = {"TRACEPARENT": f"00-{'33' * 16}-{'7' * 16}-01", "ASSAY_OTLP_ENDPOINT": collector.url}
    line = [str(BIN / "assay"), "routes", "--json"]
    done = ended(stack.settings, "env", *(f"{name}={value}" for name, value in environment.items()), *line)
    assert done.returncode == 0, done.stderr
    [span] = collector.find("33" * 16, "assay-cli", "assay routes")
    assert span.parent == "7" * 16


def test_every_metric_of_the_dashboard_and_the_alerts_is_shown_by_a_process(stack: Stack, trace: str) -> None:
    pages = json.loads(stack.assay("status", "--json"))["metrics"]
    shown: set[str] = set()
    for name, url in pages.items():
        with urllib.request.urlopen(url) as page:
            text = page.read().decode()
        assert "# TYPE" in text, name
        for family, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
            shown |= {family, *(f"{family}_{part}" for part in ("bucket", "sum", "count") if kind == "histogram")}
    asked = json.loads(subprocess.check_output([sys.executable, str(ROOT / "tests" / "deploy" / "metric_names.py")]))
    assert len(asked) > 25
    assert sorted(set(asked) - shown) == []


def test_every_line_that_our_processes_log_is_one_json_object(stack: Stack, trace: str) -> None:
    logs: Path = stack.settings.home / "logs"
    for name in ("gateway", "worker-control", "worker-data", "worker-training", "worker-serving"):
        lines = (logs / f"{name}.log").read_text("utf-8").splitlines()
        assert lines, name
        assert {json.loads(line)["service"] for line in lines} == {f"assay-{name}"}

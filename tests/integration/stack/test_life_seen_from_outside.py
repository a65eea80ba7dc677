"""What operators see of a running stack: a trace from the typed client on, every process's metrics, JSON logs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from assay.contracts.rollout import Arm, Route, RouteTable
from registry import Registry
from serving.material import pin_of

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
    gate = collector.seen(trace, "assay-worker-data", "decide")[0]
    assert collector.led_from(gate, depth=4) == [
        "assay-worker-data RunActivity:plan_source",
        "assay-worker-control StartActivity:plan_source",
        "crm StartWorkflow:Intake",
        "crm nightly import",
    ]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    """Of a tenant that is routed to the base model."""
    registry = Registry.open(stack.settings)
    table, base = registry.routes.current(), registry.bases.get(pin_of(stack.settings.home / "base").repository).pin
    arm = Arm(name="stable", version=None, adapter=None, percent=100)
    route = Route(tenant="observer", model="plain", base=base, arms=(arm,))
    after = RouteTable(revision=table.revision + 1, routes=(*table.routes, route))
    registry.routes.publish(after, key="observer", actor="test", reason="test", decision_id="none")
    key = registry.keys.create("observer")
    registry.close()
    with openai.OpenAI(base_url=f"{stack.settings.gateways[0]}/v1", api_key=key, max_retries=0) as one:
        until(lambda: offered(one) == ["plain"])
        yield one


def offered(client: openai.OpenAI) -> list[str]:
    try:
        return [model.id for model in client.models.list()]
    except openai.AuthenticationError:
        return []  # gateways take a new key within a second


def test_one_trace_leads_from_a_chat_through_the_gateway_into_the_engine(
    stack: Stack, client: openai.OpenAI, collector: Collector
) -> None:
    trace, said = "22" * 16, "canary-4711"
    client.chat.completions.create(
        model="plain",
        messages=[{"role": "user", "content": said}],
        max_tokens=4,
        extra_headers={"traceparent": f"00-{trace}-{'6' * 16}-01", "x-request-id": "seen-1"},
    )
    until(lambda: {span.service for span in collector.of(trace)} >= {"assay-gateway", "assay-engine"})
    [chat] = collector.seen(trace, "assay-gateway", "chat")
    assert chat.parent == "6" * 16
    assert chat.attributes["assay.tenant"] == "observer"
    [asked] = collector.seen(trace, "assay-gateway", "engine")
    assert asked.parent == chat.id
    until(lambda: any(span.parent == asked.id for span in collector.of(trace)))
    inside = [span for span in collector.of(trace) if span.parent == asked.id]
    assert {span.service for span in inside} == {"assay-engine"}
    assert said.encode() not in collector.bytes
    log = (stack.settings.home / "logs" / "gateway.log").read_text("utf-8")
    [line] = [one for one in map(json.loads, log.splitlines()) if one.get("request_id") == "seen-1"]
    assert (line["trace_id"], line["status"], line["assay.tenant"]) == (trace, 200, "observer")
    assert said not in log


def test_a_command_is_a_span_under_the_trace_of_whoever_started_it(stack: Stack, collector: Collector) -> None:
    environment = {"TRACEPARENT": f"00-{'33' * 16}-{'7' * 16}-01", "ASSAY_OTLP_ENDPOINT": collector.url}
    line = [str(BIN / "assay"), "routes", "--json"]
    done = ended(stack.settings, "env", *(f"{name}={value}" for name, value in environment.items()), *line)
    assert done.returncode == 0, done.stderr
    [span] = collector.seen("33" * 16, "assay-cli", "assay routes")
    assert span.parent == "7" * 16


def test_every_metric_of_the_dashboard_and_the_alerts_is_shown_by_a_process(
    stack: Stack, trace: str, client: openai.OpenAI
) -> None:
    client.chat.completions.create(model="plain", messages=[{"role": "user", "content": "Hi"}], max_tokens=4)
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

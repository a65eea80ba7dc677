"""Spans carry ids and codes, and no words; without an endpoint there are none at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, TraceFlags, get_current_span

from assay.contracts.errors import InputRefused
from assay.settings import Settings
from assay.telemetry import traces
from assay.telemetry.wordless import Wordless

CALLER = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What would go to the collector. The process-wide provider is left alone."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Wordless(kept)))
    monkeypatch.setattr(traces, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(traces, "_current_span", get_current_span)
    yield kept
    provider.shutdown()


def only(seen: InMemorySpanExporter) -> ReadableSpan:
    [span] = seen.get_finished_spans()
    return span


def test_a_span_joins_its_callers_trace_and_hands_it_on(seen: InMemorySpanExporter) -> None:
    with traces.span("refresh", "server", {"assay.route_revision": 3}, parent=CALLER):
        handed_on, ids, child = traces.outgoing(), traces.current_ids(), traces.for_child()
    span = only(seen)
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (int("a" * 32, 16), int("b" * 16, 16))
    expected = f"00-{'a' * 32}-{json.loads(span.to_json())['context']['span_id'].removeprefix('0x')}-01"
    assert (handed_on["traceparent"], child["TRACEPARENT"]) == (expected, expected)
    assert ids["trace_id"] == "a" * 32


def test_a_refusal_leaves_its_code_and_not_its_words(seen: InMemorySpanExporter) -> None:
    def refuse() -> None:
        with traces.span("decide"):
            raise InputRefused("ROW_MALFORMED", "row 'canary-4711' is no JSON", "correct it")

    with pytest.raises(InputRefused):
        refuse()
    assert dict(only(seen).attributes or {}) == {"error.type": "ROW_MALFORMED"}
    assert "canary-4711" not in only(seen).to_json()


def test_what_libraries_record_of_exceptions_is_left_out(seen: InMemorySpanExporter) -> None:
    tracer = traces._tracer
    assert tracer is not None
    with tracer.start_as_current_span("activity") as span:
        span.record_exception(ValueError("canary-4711"))
        span.set_status(trace.StatusCode.ERROR, "ValueError: canary-4711")
    found = only(seen)
    assert "canary-4711" not in found.to_json()
    assert [dict(event.attributes or {})["exception.type"] for event in found.events] == ["ValueError"]
    assert found.status.status_code is trace.StatusCode.ERROR


def test_strangers_cannot_make_us_sample_more_than_the_ratio() -> None:
    remote = SpanContext(int("f" * 32, 16), 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(remote))

    def decision(*, strangers: bool) -> Decision:
        return traces._sampler(0.0, strangers).should_sample(parent, remote.trace_id, "chat").decision

    assert decision(strangers=True) is Decision.DROP
    assert decision(strangers=False) is Decision.RECORD_AND_SAMPLE


def test_a_child_process_is_told_where_to_export() -> None:
    settings = Settings(otlp_endpoint="http://127.0.0.1:4318", trace_sample_ratio=0.5)
    assert traces.for_child(settings) == {
        "ASSAY_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "ASSAY_TRACE_SAMPLE_RATIO": "0.5",
    }


def test_without_an_endpoint_there_is_neither_a_span_nor_the_sdk() -> None:
    program = """
import sys
from assay.settings import Settings
from assay.telemetry import traces
traces.configure_traces(Settings(_env_file=None), "x")
with traces.span("chat", "server", {"a": 1}, parent={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}) as span:
    span.set_attribute("b", 2)
    assert traces.outgoing() == traces.current_ids() == traces.for_child() == {}
traces.flush_traces()
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"

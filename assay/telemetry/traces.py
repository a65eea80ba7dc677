"""Traces: W3C Trace Context in and out, spans to an OTLP collector when `ASSAY_OTLP_ENDPOINT` names one.

Without it every function here returns at once, and OpenTelemetry's SDK is not even imported. What exceptions say never
leaves the process with a span: their types and stable codes do, their words are in the log.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal

from assay import __version__

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Span, Tracer

    from assay.settings import Settings

Kind = Literal["internal", "server", "client"]
Attribute = str | int | float | bool
TRACE_VARIABLES: Final = ("TRACEPARENT", "TRACESTATE")
"""Trace context by environment, as OpenTelemetry specifies it for child processes."""
FLUSH_MILLISECONDS: Final = 5000


class _Silent:
    """A span that nobody exports."""

    def set_attribute(self, name: str, value: Attribute) -> None:
        """Nothing."""


_SILENT: Final = _Silent()
_tracer: Tracer | None = None
_current_span: Callable[[], Span] | None = None


def configure_traces(settings: Settings, service: str, *, strangers: bool = False) -> None:
    """Export spans over OTLP/HTTP as `service`; without an endpoint nothing happens.

    `OTEL_RESOURCE_ATTRIBUTES` adds attributes to the resource and `OTEL_EXPORTER_OTLP_HEADERS` headers to the export,
    as everywhere. strangers: callers are not ours, so that the ratio holds for the traces that they bring as well.
    """
    global _tracer, _current_span  # one a process, as OpenTelemetry's own provider is
    if settings.otlp_endpoint is None:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from assay.telemetry.wordless import Wordless

    resource = {
        "service.name": service,
        "service.namespace": "assay",
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
    provider = TracerProvider(
        resource=Resource.create(resource), sampler=_sampler(settings.trace_sample_ratio, strangers)
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(Wordless(exporter)))
    trace.set_tracer_provider(provider)
    _tracer, _current_span = trace.get_tracer("assay", __version__), trace.get_current_span


def _sampler(ratio: float, strangers: bool) -> Sampler:
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    share = TraceIdRatioBased(ratio)
    return ParentBased(share, remote_parent_sampled=share) if strangers else ParentBased(share)


def enabled() -> bool:
    """Whether this process exports spans."""
    return _tracer is not None


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Attribute] | None = None,
    *,
    parent: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span | _Silent]:
    """A span around a block; `parent` are W3C headers of a caller elsewhere, None the span in force here."""
    return nullcontext(_SILENT) if _tracer is None else _span(_tracer, name, kind, parent, attributes or {})


@contextmanager
def _span(
    tracer: Tracer, name: str, kind: Kind, parent: Mapping[str, str] | None, attributes: Mapping[str, Attribute]
) -> Iterator[Span]:
    from opentelemetry import propagate
    from opentelemetry.trace import SpanKind

    context = None if parent is None else propagate.extract(parent)
    with tracer.start_as_current_span(
        name, context, SpanKind[kind.upper()], dict(attributes), record_exception=False
    ) as begun:
        try:
            yield begun
        except Exception as error:
            begun.set_attribute("error.type", str(getattr(error, "code", type(error).__name__)))
            raise


def outgoing() -> dict[str, str]:
    """W3C headers of the span in force, for a request to another process; empty when there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import propagate

    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def for_child(settings: Settings | None = None) -> dict[str, str]:
    """Environment variables with which a child process joins this trace."""
    given = {} if settings is None or settings.otlp_endpoint is None else _exporting(settings)
    return given | {name.upper(): value for name, value in outgoing().items() if name.upper() in TRACE_VARIABLES}


def _exporting(settings: Settings) -> dict[str, str]:
    """Said by variable, since a child may start in another folder than the one whose `.env` said it."""
    return {
        "ASSAY_OTLP_ENDPOINT": str(settings.otlp_endpoint),
        "ASSAY_TRACE_SAMPLE_RATIO": str(settings.trace_sample_ratio),
    }


def from_parent() -> dict[str, str]:
    """W3C headers that the parent process left in this one's environment."""
    return {name.lower(): value for name in TRACE_VARIABLES if (value := os.environ.get(name))}


def current_ids() -> dict[str, str]:
    """Trace and span id in force, in hexadecimal, for log lines."""
    if _tracer is None:
        return {}
    # Not by an import here: a line that is logged inside a workflow comes by, and the sandbox would fail its task.
    assert _current_span is not None
    at = _current_span().get_span_context()
    return {"trace_id": f"{at.trace_id:032x}", "span_id": f"{at.span_id:016x}"} if at.is_valid else {}


def flush_traces() -> None:
    """Send what is still held. At the end of a process uvicorn raises the signal again, and no exit handler runs."""
    if _tracer is None:
        return
    from opentelemetry import trace

    provider: Any = trace.get_tracer_provider()
    provider.force_flush(FLUSH_MILLISECONDS)

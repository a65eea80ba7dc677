"""An exporter that lets no exception speak: libraries record messages and stack traces, which may quote a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

_WORDS: Final = ("exception.message", "exception.stacktrace")


class Wordless(SpanExporter):
    """Exports through another exporter, without what exceptions and statuses say."""

    def __init__(self, through: SpanExporter) -> None:
        self._through = through

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch."""
        return self._through.export([_without(span) for span in spans])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until everything is sent."""
        return self._through.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Send no more."""
        self._through.shutdown()


def _without(span: ReadableSpan) -> ReadableSpan:
    if not span.events and span.status.description is None:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event(event: Event) -> Event:
    kept = {name: value for name, value in (event.attributes or {}).items() if name not in _WORDS}
    return Event(event.name, kept, event.timestamp)

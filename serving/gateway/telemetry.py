"""Logs as JSON lines; traces to a collector when one is configured. No message content goes into either."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import orjson
from opentelemetry import trace

from assay.settings import Settings

# What every LogRecord has; the rest came in through `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """A log record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logs(level: str) -> None:
    """Everything to standard error as JSON lines; the supervisor owns the file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("alembic", "uvicorn.error", "opentelemetry"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def configure_traces(settings: Settings, service: str) -> None:
    """Export spans over OTLP/HTTP; without an endpoint, OpenTelemetry's API stays a no-op."""
    if settings.otlp_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def flush_traces() -> None:
    """Send what is still held. At the end of a process uvicorn raises the signal again, and no exit handler runs."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush:
        flush(5000)

"""An OpenTelemetry collector that keeps what it gets: OTLP over HTTP, on a loopback port, in a thread.

Every process sends its spans by batches of its own, so a span is often here seconds before its parent is: `seen` and
`led_from` wait for what they are asked for.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span as it arrived; ids in hexadecimal, `parent` empty at the root."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]


class Collector:
    """What was received so far."""

    def __init__(self) -> None:
        self.url, self.bytes, self._spans = "", b"", list[Span]()
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        with self._lock:
            self.bytes += body
            self._spans += _parsed(body)

    def of(self, trace: str) -> list[Span]:
        """All spans of one trace."""
        with self._lock:
            return [span for span in self._spans if span.trace == trace]

    def find(self, trace: str, service: str, name: str) -> list[Span]:
        return [span for span in self.of(trace) if (span.service, span.name) == (service, name)]

    def seen(self, trace: str, service: str, name: str) -> list[Span]:
        """What `find` gives, once that is something."""
        self._until(lambda: bool(self.find(trace, service, name)))
        return self.find(trace, service, name)

    def led_from(self, span: Span, depth: int) -> list[str]:
        """What `ancestors` gives, once that is `depth` long."""
        self._until(lambda: len(self.ancestors(span)) >= depth)
        return self.ancestors(span)

    def ancestors(self, span: Span) -> list[str]:
        """`service name` of the parents, nearest first."""
        known = {one.id: one for one in self.of(span.trace)}
        line: list[str] = []
        while (parent := known.get(span.parent)) is not None:
            line.append(f"{parent.service} {parent.name}")
            span = parent
        return line

    @staticmethod
    def _until(true: Callable[[], bool], patience: float = 30) -> None:
        """Waits; what is still not so after `patience` seconds is for the caller's assertion to show."""
        deadline = time.monotonic() + patience
        while not true() and time.monotonic() < deadline:
            time.sleep(0.2)


def _parsed(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for one in scope.spans:
                ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
                yield Span(service, one.name, *ids, _attributes(one.attributes))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests have enough to say."""

    return Handler


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector for the length of a block."""
    collector = Collector()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(collector.take))
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

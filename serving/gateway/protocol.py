"""HTTP on one connection, with bounds that uvicorn does not set: on heads, on what nobody reads, on connections.

uvicorn waits for ever for a request's head, keeps one of any length, queues any number of requests on one connection,
and waits for ever for a client that does not read its answer, or that goes on sending once it has one. Each of them
costs a client that holds no key next to nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from serving.gateway.joining import JoiningProtocol

TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _TooMany(Exception):
    """Stops the parser: more requests came in than may wait."""


class BoundedProtocol(JoiningProtocol):
    """Closes a connection whose client is too slow or says too much; its request gets no answer then.

    `head_seconds`  for a head to come in, from the connection or from its first byte on
    `head_bytes`    of a head, request line included
    `late_bytes`    of a body that go on coming in after its answer, for example after a 413
    `late_seconds`  for them to come in
    `most_waiting`  requests that wait for the one before them; each takes fifty times its bytes
    `unread_seconds` that a client may leave an answer unread while there is more
    `most_connections` at once in this process; those beyond are closed when they come
    """

    head_seconds: ClassVar[float] = 10.0
    head_bytes: ClassVar[int] = 64 * 1024
    late_bytes: ClassVar[int] = 1 << 20
    late_seconds: ClassVar[float] = 10.0
    most_waiting: ClassVar[int] = 8
    unread_seconds: ClassVar[float] = 60.0
    most_connections: ClassVar[int] = 8192

    _head_timer: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None
    _late_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _in_head, _in_message = True, False
    _head_size = _late_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Count it, and wait for its first head."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
        else:
            self._head_timer = self.loop.call_later(self.head_seconds, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_head_timer()
        self._stop_late_timer()
        self._stop_unread_timer()
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            # uvicorn tells the request that came last; the one that is being answered may be another.
            self._running.disconnected = True
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401  # uvicorn's ASGI type
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Parse, unless a bound is passed."""
        if self._in_head:
            self._head_size += len(data)
            # Whatever comes stops uvicorn's timer for unused connections, empty lines too, of which no head begins.
            if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
                self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)
        elif self._in_message and self.cycle.response_complete:
            self._late_size += len(data)
            if self._late_size > self.late_bytes:
                self.transport.abort()
                return
        super().data_received(data)
        # Only a head that is still not whole is too large: what came with its end may be the body.
        if self._in_head and self._head_size > self.head_bytes and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = self._in_message = True
        self._late_size = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop_head_timer()
        self._in_head, self._head_size = False, 0
        super().on_headers_complete()
        if len(self.pipeline) > self.most_waiting:
            self.transport.abort()
            raise _TooMany

    def on_message_complete(self) -> None:
        """The body is whole."""
        super().on_message_complete()
        self._stop_late_timer()
        self._in_head, self._in_message = True, False

    def on_response_complete(self) -> None:
        """An answer is through; its body may still be on its way, and stops uvicorn's timer with every byte."""
        super().on_response_complete()
        late = self._in_message and not self._in_head and self.cycle.response_complete
        if late and not self.transport.is_closing():
            self._late_timer = self.loop.call_later(self.late_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_unread_timer()
        super().resume_writing()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_late_timer(self) -> None:
        if self._late_timer is not None:
            self._late_timer.cancel()
            self._late_timer = None

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

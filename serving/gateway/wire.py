"""HTTP/1.1 to one engine: kept connections, one exchange at a time on each, and no more than the data path needs.

A general client spends more on a request than all checks of the gateway together (docs/performance.md). The parser is
httptools, as in the server. An answer must have a length or come in chunks; one that only ends with its connection is
broken, since nothing tells it from a torn one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

CONNECT_SECONDS: Final = 2.0
SILENCE_SECONDS: Final = 300.0
KEEP_SECONDS: Final = 30.0
"""How long an unused connection is kept."""
_HIGH_WATER: Final = 256 * 1024
"""Bytes of a stream that wait for a slow client before the engine is made to wait."""
MOST_ANSWER_BYTES: Final = 64 << 20
"""Eight choices of a million characters fit; what goes on beyond is an engine that has lost its way."""
_MOST_OF_A_HEAD: Final = 1 << 20
"""Bytes until the status and its headers are there, with what of the body came along."""


class WireError(Exception):
    """Something went wrong between gateway and engine."""


class Unanswered(WireError):
    """No connection, or it ended before a status line: nothing was answered."""


class Broken(WireError):
    """The answer ended early, or is not HTTP."""


class Silent(WireError):
    """Nothing came for `SILENCE_SECONDS`."""


class Connection(asyncio.Protocol):
    """One connection and the answer on it. `status` is 0 until the head is there."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._loop = wire, asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self.idle_since = 0.0
        self._busy = False
        self._reset()

    def _reset(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._error: WireError | None = None
        self._size = self._head_size = 0
        self._whole = self._paused = self._lasting = False
        self.status, self.complete = 0, False

    # What the gateway does with it.

    async def ask(self, request: bytes) -> None:
        """Send a request; returns when the status is there. Raises WireError."""
        if self._transport is None:
            raise Unanswered("lost")
        self._busy, self._heard = True, self._loop.time()
        self._transport.write(request)
        if self._timer is None:
            self._timer = self._loop.call_later(SILENCE_SECONDS, self._listen)
        while not self.status:
            await self._more()

    async def read(self) -> bytes:
        """The whole body. Raises WireError, for one of more than `MOST_ANSWER_BYTES` too."""
        self._whole = True
        while not self.complete:
            if self._size > MOST_ANSWER_BYTES:
                raise Broken("an answer without end")
            self._resume()
            await self._more()
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises WireError."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                self._resume()
                yield chunk
            if self.complete:
                return
            await self._more()

    def release(self) -> None:
        """Give it back; one whose answer was not read to its end is closed, so that the engine stops generating."""
        if self._transport is None:
            return
        if self.complete and self._error is None and self._lasting:
            self._busy = False
            self._reset()
            self._wire.keep(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if not self._busy:
            self.abort()  # nobody asked
            return
        self._heard = self._loop.time()
        if not self.status:
            self._head_size += len(data)
            if self._head_size > _MOST_OF_A_HEAD:
                self._fail(Broken("a head without end"))
                self.abort()
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Broken("not HTTP"))
            self.abort()
            return
        if self._size > _HIGH_WATER and not self._whole and not self._paused and self._transport:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See asyncio.Protocol."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._wire.forget(self)
        if not self.complete:
            self._fail(Broken("torn") if self.status else Unanswered("lost"))

    # What the parser tells it.

    def on_message_begin(self) -> None:
        """Nobody asked for a second answer: whatever it is, it must not answer the next request."""
        if self.complete:
            self._lasting = False

    def on_headers_complete(self) -> None:
        """The status is known; 1xx only announces the real one."""
        if self.complete:
            return
        status = self._parser.get_status_code()
        self.status = status if status >= 200 else 0
        self._lasting = self._parser.should_keep_alive()  # the parser forgets it with the end of the message

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self.complete:
            self._chunks.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self.complete = self.status != 0

    async def _more(self) -> None:
        """Wait until something happens. Raises what went wrong, after everything that came before it was taken."""
        if self._error is not None:
            raise self._error
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, error: WireError) -> None:
        self._error = self._error or error
        self._wake()

    def _resume(self) -> None:
        if self._paused and self._transport and (self._whole or self._size <= _HIGH_WATER // 2):
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def _listen(self) -> None:
        """One timer a connection, not one a request. A paused engine is not silent: it is we who do not listen."""
        self._timer = None
        if not self._busy:
            return
        left = self._heard + SILENCE_SECONDS - self._loop.time()
        if left > 0 or self._paused:
            self._timer = self._loop.call_later(max(left, 1.0), self._listen)
        else:
            self._fail(Silent("silent"))
            self.abort()


class Wire:
    """The kept connections to one base URL."""

    def __init__(self, url: str, headers: tuple[tuple[str, str], ...]) -> None:
        """`headers` go with every request."""
        parts = urlsplit(url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in (("host", parts.netloc), *headers))
        self._heads: dict[str, bytes] = {}
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def post(self, path: str, payload: bytes, extra: bytes = b"") -> Connection:
        """Send; returns with the status, the body still to be read. `release` it afterwards.

        `extra`: header lines, each with its line end. Raises WireError.
        """
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = f"POST {self._path}{path} HTTP/1.1\r\n{self._lines}".encode("latin-1")
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            await connection.ask(b"%bcontent-length: %d\r\n%b\r\n%b" % (head, len(payload), extra, payload))
        except BaseException:
            connection.abort()
            raise
        return connection

    def keep(self, connection: Connection) -> None:
        """Use it again."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(KEEP_SECONDS, self._sweep)

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._all):
            connection.abort()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: Connection(self), self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise Unanswered("no connection") from error
        self._all.add(connection)
        return connection

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for connection in [one for one in self._idle if one.idle_since <= loop.time() - KEEP_SECONDS]:
            connection.abort()
        if self._idle:
            self._sweeper = loop.call_later(KEEP_SECONDS / 2, self._sweep)

"""The little that a raw ASGI application needs: one request object with its answer."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs

from serving.gateway.errors import Refusal

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON: Final = (b"content-type", b"application/json")
SSE: Final[Headers] = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
_TRACE: Final = (b"traceparent", b"tracestate")
# A client's id is echoed into headers and logs: only what can do no harm in either.
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


class Request:
    """One HTTP request. `stamp` is sent on whatever answer follows."""

    __slots__ = (
        "_headers",
        "_query",
        "_receive",
        "_send",
        "answered",
        "client",
        "id",
        "method",
        "path",
        "stamp",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, stamp: Headers) -> None:
        self.started = time.perf_counter()
        # Of a header that came twice the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self._receive, self._send = receive, send
        self.method: str = scope["method"]
        # As it was sent: a front that keeps `/admin` inside must not be passed by `/%61dmin`.
        self.path: str = scope["raw_path"].decode("ascii", "replace")
        self._query: str = scope["query_string"].decode("latin-1")
        self.client: str = (scope.get("client") or ("",))[0]
        given = self.header(b"x-request-id")
        self.id = given if given and _SAFE_ID.fullmatch(given) else secrets.token_hex(16)
        self.stamp, self.answered = stamp, False

    def header(self, name: bytes) -> str | None:
        """First value of a header; `name` in lower case."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def query_value(self, name: str) -> str:
        """First value of a query parameter, or nothing."""
        return parse_qs(self._query).get(name, [""])[0]

    def bearer(self) -> str:
        """The token of `Authorization: Bearer`, or nothing."""
        scheme, _, token = (self.header(b"authorization") or "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def trace_context(self) -> dict[str, str]:
        """The headers of W3C Trace Context."""
        return {key.decode(): self._headers[key].decode("latin-1") for key in _TRACE if key in self._headers}

    async def body(self, most: int, seconds: float) -> bytes:
        """The whole body. Raises Refusal `request_too_large` beyond `most` bytes, `request_timeout`, ClientGone."""
        try:
            async with asyncio.timeout(seconds):
                return await self._body(most)
        except TimeoutError as error:
            message = f"The body did not come in within {seconds:g} seconds."
            raise Refusal(408, "request_timeout", message, "Send it at once, or over a faster connection.") from error

    async def _body(self, most: int) -> bytes:
        announced = self.header(b"content-length") or "0"
        if not announced.isdigit() or int(announced) > most:
            raise _too_large(most)
        parts, size = [], 0
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ClientGone
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            if not event.get("more_body", False):
                return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Return when the client hangs up; only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of the answer."""
        self.answered = True
        every = (*headers, *self.stamp, (b"x-request-id", self.id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": every})

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send a part of the answer's body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        """Send a whole answer, JSON unless `headers` say otherwise."""
        kind = () if any(name == b"content-type" for name, _ in headers) else (JSON,)
        await self.start(status, (*kind, (b"content-length", str(len(body)).encode()), *headers))
        await self.write(body, more=False)

    async def refuse(self, refusal: Refusal) -> None:
        """Send a refusal."""
        wait = refusal.retry_after
        extra = ((b"retry-after", str(wait).encode()),) if wait is not None else ()
        if refusal.allow:
            extra = (*extra, (b"allow", refusal.allow.encode()))
        if refusal.status == 408:
            extra = (*extra, (b"connection", b"close"))  # the rest of its body is not waited for
        await self.answer(refusal.status, refusal.body(), *extra)


def _too_large(most: int) -> Refusal:
    return Refusal(413, "request_too_large", f"The body exceeds {most} bytes.", "Send fewer or shorter messages.")

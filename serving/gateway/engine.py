"""Speaks to engines: one POST, retried elsewhere while nothing was answered; errors leave scrubbed."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson

from assay.telemetry import traces
from serving.engines.sentences import adapter_absent, too_long
from serving.gateway.errors import Refusal, adapter_not_ready, engine_failed, engine_timeout, engine_unavailable
from serving.gateway.pool import Pool, Upstream
from serving.gateway.snapshot import Target
from serving.gateway.wire import MOST_ANSWER_BYTES, Broken, Connection, Silent, Unanswered, Wire

logger = logging.getLogger("assay.gateway")
MOST_TRIES: Final = 3
_COMPLETIONS: Final = "/v1/chat/completions"
_LINE_END: Final = re.compile(r"[\r\n\0]")
_ERROR_BYTES: Final = 64 * 1024
MOST_EVENT_BYTES: Final = 4 << 20


def open_session() -> aiohttp.ClientSession:
    """For looks at engines and calls to siblings; what tenants wait for goes over `serving.gateway.wire`."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )


class EngineClient:
    """Chat completions at the engines of a pool. No limit of connections: admission bounds what is in flight."""

    def __init__(self, urls: tuple[str, ...], session: aiohttp.ClientSession, key: str) -> None:
        data_key = {"authorization": f"Bearer {key}"} if key else {}
        self.pool = Pool(urls, session, data_key)
        self._headers = tuple({"content-type": "application/json", **data_key}.items())
        self._wires: dict[str, Wire] = {}

    @asynccontextmanager
    async def post(self, target: Target, payload: bytes) -> AsyncIterator[Connection]:
        """An answer with status 200, its body not read yet. Raises Refusal."""
        for up in self._tries(target):
            up.in_flight += 1
            try:
                with traces.span("engine", "client", {"server.address": up.url}):
                    try:
                        response = await self._wire(up.url).post(_COMPLETIONS, payload, _trace_lines())
                    except Unanswered:
                        # Nothing was answered: another engine may, or the same one over a fresh connection.
                        up.reachable = False
                        continue
                    up.reachable = True
                    try:
                        if response.status != 200:
                            raise _refusal(response.status, await _beginning(response))
                        yield response
                        return
                    finally:
                        response.release()
            except Silent as error:
                raise engine_timeout() from error
            except Broken as error:
                raise engine_failed() from error
            finally:
                up.in_flight -= 1
        raise engine_unavailable()

    def close(self) -> None:
        """Close every connection to an engine."""
        for wire in self._wires.values():
            wire.close()

    def _wire(self, url: str) -> Wire:
        wire = self._wires.get(url)
        if wire is None:
            wire = self._wires[url] = Wire(url, self._headers)
        return wire

    def _tries(self, target: Target) -> list[Upstream]:
        candidates = self.pool.candidates(target)
        return (candidates * 2 if len(candidates) == 1 else candidates)[:MOST_TRIES]


def _trace_lines() -> bytes:
    """Header lines that carry the current trace to the engine; none outside of a trace."""
    # What a client sent in `tracestate` or `baggage` comes through here: it must not start a line of its own.
    safe = ((name, value) for name, value in traces.outgoing().items() if not _LINE_END.search(name + value))
    return "".join(f"{name}: {value}\r\n" for name, value in safe).encode("latin-1", "ignore")


async def whole(response: Connection, target: Target) -> dict[str, Any]:
    """The answer's JSON. Raises Refusal `engine_failed`, `base_mismatch`."""
    try:
        answer = orjson.loads(await response.read())
    except orjson.JSONDecodeError as error:
        raise engine_failed() from error
    if not isinstance(answer, dict):
        raise engine_failed()
    metadata = answer.pop("metadata", None) or {}
    if not isinstance(metadata, dict):
        raise engine_failed()
    served = metadata.get("weight_version", target.base_revision)
    if served != target.base_revision:
        logger.error("an engine answered from base %s, the route says %s", served, target.base_revision)
        raise Refusal(502, "base_mismatch", "The model failed while answering.", "Tell the operator.")
    return answer


async def events(response: Connection) -> AsyncIterator[bytes]:
    """Payloads of server-sent events, in order; the chunks of a body end anywhere. Raises Refusal `engine_failed`."""
    pending, total = b"", 0
    async for chunk in response.chunks():
        *complete, pending = (pending + chunk).split(b"\n\n")
        total += len(chunk)
        if len(pending) > MOST_EVENT_BYTES or total > MOST_ANSWER_BYTES:
            raise engine_failed()
        for event in complete:
            if event.startswith(b"data:"):
                yield event[5:].strip()


async def _beginning(response: Connection) -> str:
    """As much of an error as is looked at."""
    said = b""
    async for chunk in response.chunks():
        said += chunk
        if len(said) >= _ERROR_BYTES:
            break
    return said[:_ERROR_BYTES].decode("utf-8", "replace")


def _refusal(status: int, text: str) -> Refusal:
    """Our words for the engine's error. Its own name adapters of every tenant and repeat prompts: they go nowhere."""
    refusal = _in_our_words(status, text)
    logger.info("engine answered %s, taken for %s; what it said is in its own log", status, refusal.code)
    return refusal


def _in_our_words(status: int, text: str) -> Refusal:
    said = _message(text)
    if status in (401, 403):
        logger.error("an engine does not accept our key")
        return engine_unavailable()
    if status >= 500 or status < 400 or status == 429:
        return engine_unavailable() if status in (429, 503) else engine_failed()
    if too_long(said):
        message = "The messages and the requested answer exceed the model's context length."
        remedy = "Shorten the messages or lower `max_completion_tokens`."
        return Refusal(400, "context_length_exceeded", message, remedy, param="messages")
    if adapter_absent(said):
        return adapter_not_ready()
    message = "The model can not process this request."
    return Refusal(400, "request_refused", message, "Check messages, tools and response_format.")


def _message(text: str) -> str:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    error = body.get("error", body) if isinstance(body, dict) else {}
    return str(error.get("message", "") if isinstance(error, dict) else error)

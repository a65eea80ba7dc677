"""Speaks to engines: one POST, retried elsewhere while nothing was answered; errors leave scrubbed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson
from opentelemetry import propagate

from serving.engines.sentences import adapter_absent, too_long
from serving.gateway.errors import Refusal, adapter_not_ready, engine_failed, engine_timeout, engine_unavailable
from serving.gateway.pool import Pool, Upstream
from serving.gateway.snapshot import Target

logger = logging.getLogger("assay.gateway")
MOST_TRIES: Final = 3
_CONNECT_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 300.0
_ERROR_BYTES: Final = 64 * 1024
MOST_EVENT_BYTES: Final = 4 << 20
MOST_ANSWER_BYTES: Final = 64 << 20
"""Eight choices of a million characters fit; what goes on beyond is an engine that has lost its way."""


def open_session() -> aiohttp.ClientSession:
    """The one pooled session of a process. No limit: admission bounds what is in flight."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )


class EngineClient:
    """Chat completions at the engines of a pool."""

    def __init__(self, urls: tuple[str, ...], session: aiohttp.ClientSession, key: str) -> None:
        data_key = {"authorization": f"Bearer {key}"} if key else {}
        self.pool, self._session = Pool(urls, session, data_key), session
        self._headers = {"content-type": "application/json"} | data_key

    @asynccontextmanager
    async def post(self, target: Target, payload: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer with status 200, its body not read yet. Raises Refusal."""
        headers = dict(self._headers)
        propagate.inject(headers)
        for up in self._tries(target):
            with up.busy():
                try:
                    response = await self._session.post(
                        f"{up.url}/v1/chat/completions", data=payload, headers=headers, allow_redirects=False
                    )
                except aiohttp.SocketTimeoutError as error:
                    raise engine_timeout() from error
                except (aiohttp.ClientConnectionError, TimeoutError):
                    # Nothing was answered: another engine may, or the same one over a fresh connection.
                    up.reachable = False
                    continue
                except aiohttp.ClientError as error:
                    raise engine_failed() from error  # what it answered is no HTTP
                async with response:
                    up.reachable = True
                    if response.status != 200:
                        raise _refusal(response.status, await _beginning(response))
                    try:
                        yield response
                    except aiohttp.SocketTimeoutError as error:
                        raise engine_timeout() from error
                    except aiohttp.ClientError as error:
                        raise engine_failed() from error
                    return
        raise engine_unavailable()

    def _tries(self, target: Target) -> list[Upstream]:
        candidates = self.pool.candidates(target)
        return (candidates * 2 if len(candidates) == 1 else candidates)[:MOST_TRIES]


async def whole(response: aiohttp.ClientResponse, target: Target) -> dict[str, Any]:
    """The answer's JSON. Raises Refusal `engine_failed`, `base_mismatch`."""
    try:
        answer = orjson.loads(await _bounded(response))
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


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Payloads of server-sent events, in order; the chunks of a body end anywhere. Raises Refusal `engine_failed`."""
    pending, total = b"", 0
    async for chunk in response.content.iter_any():
        *complete, pending = (pending + chunk).split(b"\n\n")
        total += len(chunk)
        if len(pending) > MOST_EVENT_BYTES or total > MOST_ANSWER_BYTES:
            raise engine_failed()
        for event in complete:
            if event.startswith(b"data:"):
                yield event[5:].strip()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises Refusal `engine_failed` for one that does not end."""
    parts, total = [], 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        total += len(chunk)
        if total > MOST_ANSWER_BYTES:
            raise engine_failed()
    return b"".join(parts)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """As much of an error as is looked at."""
    said = b""
    async for chunk in response.content.iter_any():
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

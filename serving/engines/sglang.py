"""Client of an SGLang server (0.5.23).

Three things that SGLang does not do are done here: an adapter is always named as `base:adapter` (its own `model` field
silently answers from the base), an adapter that is not loaded is refused before the request (a later request would make
it read the directory of an unloaded adapter again), and its error texts, which list every adapter, stay here.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from assay.contracts.errors import AssayError, EngineRefused, InputRefused, IntegrityRefused, NotFound, Unavailable
from assay.telemetry import traces
from serving.engines.launcher import BASE_NAME
from serving.engines.protocol import ChatBody, EngineInfo
from serving.engines.sentences import adapter_absent, too_long

__all__ = ["SGLangEngine"]

_LOG = logging.getLogger(__name__)
_CONTROL_TIMEOUT: Final = aiohttp.ClientTimeout(total=120)
_HEALTH_TIMEOUT: Final = aiohttp.ClientTimeout(total=25)


class SGLangEngine:
    """One SGLang server behind the `Engine` protocol. Make it inside a running event loop; close it at the end."""

    def __init__(self, url: str, key: str, admin_key: str, answer_timeout: float = 300.0) -> None:
        """`answer_timeout` is seconds for one whole answer; SGLang queues what it cannot run yet."""
        self._url = url.rstrip("/")
        self._data, self._admin = {"Authorization": f"Bearer {key}"}, {"Authorization": f"Bearer {admin_key}"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=answer_timeout)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def health(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/health", timeout=_HEALTH_TIMEOUT) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def info(self) -> EngineInfo:
        model = await self._get("/model_info")
        server = await self._get("/server_info")
        models = await self._get("/v1/models")
        return EngineInfo(
            kind="sglang",
            base_revision=model["weight_version"],
            template=_template(server.get("chat_template")),
            max_context=next(card["max_model_len"] for card in models["data"] if card["id"] == BASE_NAME),
            adapters=_adapters(models),
        )

    async def loaded(self) -> frozenset[str]:
        return _adapters(await self._get("/v1/models"))

    async def load(self, name: str, path: Path) -> None:
        if name in await self.loaded():
            return
        answer = await self._control("/load_lora_adapter", {"lora_name": name, "lora_path": os.fspath(path)})
        if not answer.get("success"):
            _LOG.warning("engine refused adapter %s: %s", name, answer.get("error_message"))
            raise EngineRefused(
                "ENGINE_ADAPTER_REFUSED",
                f"The engine cannot load adapter {name}.",
                "Check rank, target modules and the number of loaded adapters against the engine's settings.",
            )

    async def unload(self, name: str) -> None:
        if name not in await self.loaded():
            return
        answer = await self._control("/unload_lora_adapter", {"lora_name": name})
        if not answer.get("success") and name in await self.loaded():
            _LOG.warning("engine kept adapter %s: %s", name, answer.get("error_message"))
            raise Unavailable("ENGINE_FAILED", f"The engine did not unload adapter {name}.", "Try again.")

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        async with self._post(await self._request(body, adapter, streaming=False)) as response:
            answer: dict[str, Any] = await _decoded(response)
        return answer

    async def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        async with self._post(await self._request(body, adapter, streaming=True)) as response:
            if response.status != 200:
                raise _refusal(response.status, await response.text())
            try:
                async for event in _events(response):
                    yield event
            except (aiohttp.ClientError, TimeoutError):
                yield _failed_event()

    async def _request(self, body: ChatBody, adapter: str | None, *, streaming: bool) -> dict[str, Any]:
        if adapter is not None and adapter not in await self.loaded():
            raise NotFound("ENGINE_ADAPTER_UNKNOWN", "The adapter is not loaded.", "Load it before it is routed to.")
        # `lora_path` would select an adapter behind the back of the `model` field.
        clean = {name: value for name, value in body.items() if name != "lora_path"}
        return clean | {"model": f"{BASE_NAME}:{adapter}" if adapter else BASE_NAME, "stream": streaming}

    def _post(self, body: Mapping[str, Any]) -> _Border:
        headers = self._data | traces.outgoing()
        return _Border(self._session.post(f"{self._url}/v1/chat/completions", json=body, headers=headers))

    async def _get(self, path: str) -> dict[str, Any]:
        request = self._session.get(f"{self._url}{path}", headers=self._data, timeout=_CONTROL_TIMEOUT)
        async with _Border(request) as response:
            return await _decoded(response)

    async def _control(self, path: str, body: Mapping[str, str]) -> dict[str, Any]:
        with traces.span(path.removeprefix("/"), "client", {"server.address": self._url}):
            return await self._controlled(path, body)

    async def _controlled(self, path: str, body: Mapping[str, str]) -> dict[str, Any]:
        headers = self._admin | traces.outgoing()
        request = self._session.post(f"{self._url}{path}", json=body, headers=headers, timeout=_CONTROL_TIMEOUT)
        async with _Border(request) as response:
            if response.status in (200, 400):
                answer: dict[str, Any] = await response.json(content_type=None)
                return answer
            raise _refusal(response.status, await response.text())


class _Border:
    """A request whose network errors leave as `Unavailable`."""

    def __init__(self, request: aiohttp.client._RequestContextManager) -> None:
        self._request = request

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            return await self._request.__aenter__()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable() from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._request.__aexit__(kind, error, trace)
        if isinstance(error, (aiohttp.ClientError, TimeoutError)):
            raise _unreachable() from error


async def _decoded(response: aiohttp.ClientResponse) -> dict[str, Any]:
    if response.status != 200:
        raise _refusal(response.status, await response.text())
    answer: dict[str, Any] = await response.json(content_type=None)
    return answer


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole events; a body's chunks end anywhere."""
    pending = b""
    async for chunk in response.content.iter_any():
        pending += chunk
        *whole, pending = pending.split(b"\n\n")
        for event in whole:
            yield _scrubbed(event) + b"\n\n"


def _scrubbed(event: bytes) -> bytes:
    """An error in the middle of a stream is told without the engine's words."""
    return _failed_event().rstrip() if event.startswith(b'data: {"error"') else event


def _failed_event() -> bytes:
    return b'data: {"error": {"code": "ENGINE_FAILED", "message": "The engine broke while answering."}}\n\n'


def _template(path: str | None) -> str:
    """The launcher names the template file after its digest; a server started otherwise proves nothing."""
    digest = Path(path or "").stem
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise IntegrityRefused(
            "ENGINE_OTHER_TEMPLATE",
            "The engine does not say which chat template it renders with.",
            "Start it with `python -m serving.engines.launcher`.",
        )
    return f"sha256:{digest}"


def _adapters(models: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(card["id"] for card in models["data"] if card.get("parent") is not None)


def _unreachable() -> Unavailable:
    return Unavailable("ENGINE_UNREACHABLE", "The engine does not answer.", "Look at `assay status` and its log.")


def _refusal(status: int, text: str) -> AssayError:
    """The typed error for a response that is not 200. What the engine said repeats prompts: it goes nowhere."""
    refused = _in_our_words(status, _message(text))
    _LOG.info("engine answered %s, taken for %s; what it said is in its own log", status, refused.code)
    return refused


def _in_our_words(status: int, said: str) -> AssayError:
    if status in (401, 403):
        return EngineRefused("ENGINE_KEY_REFUSED", "The engine does not accept our key.", "Restart it with our keys.")
    if status >= 500:
        return Unavailable("ENGINE_FAILED", "The engine broke while answering.", "Try again; then look at its log.")
    if too_long(said):
        return InputRefused(
            "ENGINE_PROMPT_TOO_LONG",
            "Prompt and answer together exceed the model's context.",
            "Shorten the messages or lower `max_tokens`.",
        )
    if adapter_absent(said):
        return NotFound("ENGINE_ADAPTER_UNKNOWN", "The adapter is not loaded.", "Load it before it is routed to.")
    return InputRefused(
        "ENGINE_REQUEST_REFUSED",
        "The engine does not accept this request.",
        "Check messages, tools and response_format against the chat-completions API.",
    )


def _message(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text
    error = body.get("error", body) if isinstance(body, dict) else {}
    return str(error.get("message", "") if isinstance(error, dict) else error)

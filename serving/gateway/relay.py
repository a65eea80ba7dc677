"""Carries an answer from the engine to the client under the tenant's name for the model, and remembers what it said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from serving.gateway.body import ChatRequest
from serving.gateway.engine import events, whole
from serving.gateway.errors import Refusal, engine_failed
from serving.gateway.http import SSE, Request
from serving.gateway.judge import Call, Choice
from serving.gateway.snapshot import NO_ADAPTER, Target
from serving.gateway.wire import Connection

_DONE: Final = b"[DONE]"
# What OpenAI's API has; whatever else an engine adds (`sglext`, `metadata`) stays behind.
_FIELDS: Final = ("id", "object", "created", "model", "choices", "usage")
MOST_REMEMBERED: Final = 256 * 1024
"""Characters of one answer that are kept for the judge; the rest is carried, not judged."""


class Relay:
    """One answer on its way. `choices` is what the judge gets; `first_byte` a `time.perf_counter` reading."""

    def __init__(self, target: Target, body: ChatRequest, request: Request | None) -> None:
        """`request` None: nobody to send it to, as for a shadow."""
        self._target, self._body, self._request = target, body, request
        self.choices: dict[int, Choice] = {}
        self.usage: dict[str, int] = {}
        self.first_byte: float | None = None
        self._remembered = 0
        # Equal for equal base and adapter: what OpenAI made this field for.
        self._fingerprint = f"{target.base_revision}+{target.version or NO_ADAPTER}"

    async def carry(self, response: Connection) -> None:
        """Send the whole answer on. Raises Refusal; once a stream has begun, end it with `break_off`."""
        try:
            await (self._stream(response) if self._body.stream else self._whole(response))
        except (LookupError, TypeError, AttributeError, orjson.JSONDecodeError) as error:
            raise engine_failed() from error  # not the shape of a chat completion

    async def break_off(self, refusal: Refusal) -> None:
        """End a stream that has begun. Without `[DONE]`, so that no client takes it for complete."""
        assert self._request
        await self._request.write(b"data: " + refusal.body() + b"\n\n", more=False)

    async def _whole(self, response: Connection) -> None:
        answer = await whole(response, self._target)
        self.first_byte = time.perf_counter()
        self.usage = _counted(answer)
        for choice in answer["choices"]:
            self._remember(choice, choice["message"])
        if self._request:
            await self._request.answer(200, orjson.dumps(self._renamed(answer)))

    async def _stream(self, response: Connection) -> None:
        async for payload in events(response):
            done = payload == _DONE
            out = payload if done else self._event(orjson.loads(payload))
            if self.first_byte is None:
                # Not earlier: an error in place of the first event can still become a plain HTTP error.
                self.first_byte = time.perf_counter()
                if self._request:
                    await self._request.start(200, SSE)
            if out and self._request:
                await self._request.write(b"data: " + out + b"\n\n", more=not done)
            if done:
                return
        raise engine_failed()

    def _event(self, event: dict[str, Any]) -> bytes | None:
        """One chunk for the client; None for the usage that only we asked for. Raises Refusal."""
        if "error" in event:
            raise engine_failed()
        for choice in event["choices"]:
            self._remember(choice, choice["delta"])
        self.usage = _counted(event) or self.usage
        if not event["choices"] and not self._body.wants_usage:
            return None
        return orjson.dumps(self._renamed(event))

    def _renamed(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: answer[name] for name in _FIELDS if name in answer}
        return kept | {"model": self._target.model, "system_fingerprint": self._fingerprint}

    def _remember(self, choice: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        """Add a message or a delta to what its choice has said so far."""
        kept = self.choices.setdefault(choice["index"], Choice())
        kept.finish = choice.get("finish_reason") or kept.finish
        if text := said.get("content"):
            kept.text += self._bounded(text)
        for position, delta in enumerate(said.get("tool_calls") or ()):
            index, function = delta.get("index"), delta.get("function") or {}
            call = kept.calls.setdefault(position if index is None else index, Call())
            call.name += function.get("name") or ""
            call.arguments += self._bounded(function.get("arguments") or "")

    def _bounded(self, text: str) -> str:
        room = MOST_REMEMBERED - self._remembered
        self._remembered += len(text)
        return text[: max(room, 0)]


def _counted(answer: Mapping[str, Any]) -> dict[str, int]:
    """The tokens that an engine reports. Raises TypeError for what is no count: it would end in the meter."""
    usage = answer.get("usage") or {}
    found = {name: usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")} if usage else {}
    if any(type(count) is not int or count < 0 for count in found.values()):
        raise TypeError("usage is not counted in tokens")
    return found

"""A small engine in this process: transformers and PEFT, one request at a time. For quick tests, not for traffic."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import jinja2

from assay.contracts.errors import EngineRefused, InputRefused, NotFound
from serving.engines.hermes import assistant_message, call_grammar
from serving.engines.inprocess_model import Answer, Generation, LocalModel
from serving.engines.protocol import ChatBody, EngineInfo
from serving.template import render, template_digest

__all__ = ["InProcessEngine"]

T = TypeVar("T")

_DEFAULT_MAX_TOKENS: Final = 256


class InProcessEngine:
    """One base model behind the `Engine` protocol. Make it with `open`."""

    def __init__(self, model: LocalModel, revision: str, max_context: int, worker: ThreadPoolExecutor) -> None:
        self._model, self._revision, self._max_context, self._worker = model, revision, max_context, worker

    @classmethod
    async def open(cls, directory: Path, revision: str, max_context: int = 2048) -> InProcessEngine:
        """Load the base model in `directory`; `max_context` is in tokens, prompt and answer together."""
        worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="in-process-engine")
        model = await asyncio.get_running_loop().run_in_executor(worker, LocalModel, directory)
        return cls(model, revision, max_context, worker)

    async def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def health(self) -> bool:
        return True

    async def info(self) -> EngineInfo:
        return EngineInfo(
            kind="in-process",
            base_revision=self._revision,
            template=template_digest(),
            max_context=self._max_context,
            adapters=self._model.adapters,
        )

    async def loaded(self) -> frozenset[str]:
        return self._model.adapters

    async def load(self, name: str, path: Path) -> None:
        if name in self._model.adapters:
            return
        try:
            await self._run(lambda: self._model.load(name, path))
        except (ValueError, OSError, RuntimeError) as error:
            raise EngineRefused(
                "ENGINE_ADAPTER_REFUSED",
                f"The engine cannot load adapter {name}.",
                "Check that the directory is a PEFT LoRA adapter of this base model.",
            ) from error

    async def unload(self, name: str) -> None:
        if name in self._model.adapters:
            await self._run(lambda: self._model.unload(name))

    async def chat(self, body: ChatBody, adapter: str | None) -> dict[str, Any]:
        generation = self._generation(body, adapter)
        answer = await self._run(lambda: self._model.generate(generation, adapter))
        message = assistant_message(answer.text, body.get("tools") or ())
        choice = {"index": 0, "message": message, "finish_reason": _reason(answer, message)}
        return self._envelope("chat.completion", [choice]) | {"usage": _usage(generation, answer)}

    async def stream(self, body: ChatBody, adapter: str | None) -> AsyncIterator[bytes]:
        generation = self._generation(body, adapter)
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def generate() -> Answer:
            try:
                return self._model.generate(generation, adapter, push)
            finally:
                push(None)

        def push(piece: str | None) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        running = loop.run_in_executor(self._worker, generate)
        tools = body.get("tools") or ()
        head = self._envelope("chat.completion.chunk", [])
        yield _event(head, {"role": "assistant", "content": ""}, None)
        while (piece := await pieces.get()) is not None:
            # A call can only be told from text when it is complete.
            if piece and not tools:
                yield _event(head, {"content": piece}, None)
        answer = await running
        message = assistant_message(answer.text, tools)
        if tools:
            yield _event(head, {name: value for name, value in message.items() if value and name != "role"}, None)
        yield _event(head, {}, _reason(answer, message))
        yield b"data: [DONE]\n\n"

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": uuid.uuid4().hex,
            "object": kind,
            "created": int(time.time()),
            "model": "base",
            "choices": choices,
            "metadata": {"weight_version": self._revision},
        }

    def _generation(self, body: ChatBody, adapter: str | None) -> Generation:
        if adapter is not None and adapter not in self._model.adapters:
            raise NotFound("ENGINE_ADAPTER_UNKNOWN", "The adapter is not loaded.", "Load it before it is routed to.")
        try:
            tools = None if body.get("tool_choice") == "none" else body.get("tools")
            generation = Generation(
                prompt=self._model.encode(render(body["messages"], tools, add_generation_prompt=True)),
                max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or _DEFAULT_MAX_TOKENS,
                temperature=1.0 if body.get("temperature") is None else body["temperature"],
                top_p=1.0 if body.get("top_p") is None else body["top_p"],
                seed=body.get("seed"),
                grammar=_forced_call(body),
                json_schema=_schema(body),
            )
        except (KeyError, TypeError, ValueError, jinja2.TemplateError) as error:
            raise InputRefused(
                "ENGINE_REQUEST_REFUSED",
                "The engine does not accept this request.",
                "Check messages, tools and response_format against the chat-completions API.",
            ) from error
        if len(generation.prompt) + generation.max_tokens > self._max_context:
            raise InputRefused(
                "ENGINE_PROMPT_TOO_LONG",
                "Prompt and answer together exceed the model's context.",
                "Shorten the messages or lower `max_tokens`.",
            )
        return generation


def _schema(body: ChatBody) -> dict[str, Any] | None:
    form: Mapping[str, Any] = body.get("response_format") or {"type": "text"}
    if form["type"] == "json_schema":
        return dict(form["json_schema"]["schema"])
    return {"type": "object"} if form["type"] == "json_object" else None


def _forced_call(body: ChatBody) -> dict[str, Any] | None:
    choice: Any = body.get("tool_choice") or "auto"
    if choice in ("auto", "none"):
        return None
    return call_grammar(body["tools"], None if choice == "required" else choice["function"]["name"])


def _reason(answer: Answer, message: Mapping[str, Any]) -> str:
    if message["tool_calls"]:
        return "tool_calls"
    return "stop" if answer.stopped else "length"


def _usage(generation: Generation, answer: Answer) -> dict[str, int]:
    prompt = len(generation.prompt)
    return {"prompt_tokens": prompt, "completion_tokens": answer.tokens, "total_tokens": prompt + answer.tokens}


def _event(head: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None) -> bytes:
    chunk = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"

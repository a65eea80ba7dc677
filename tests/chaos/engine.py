"""An engine for the chaos tests behind SGLang's HTTP interface: transformers and PEFT instead of a server of a minute's
start. It answers with real weights, and its contract tests are the engine's own (`tests/integration/engines`).

Each load is written to `loads.jsonl` in its state folder with the digest of the directory at that moment: what an
engine really read is then compared with what the verifier says.

    python -m tests.chaos.engine --model DIR --revision REV --state DIR --port 30000
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from assay.contracts.errors import AssayError, EngineRefused, InputRefused, NotFound
from registry.root_digest import root_digest
from serving.engines.inprocess import InProcessEngine
from serving.engines.launcher import ADMIN_KEY_VARIABLE, BASE_NAME, KEY_VARIABLE
from serving.engines.sentences import ADAPTER_ABSENT, TOO_LONG
from serving.template import template_digest

LOADS: Final = "loads.jsonl"
ENGINE: Final = web.AppKey("engine", InProcessEngine)


class Doors:
    """SGLang's paths, as far as Assay uses them."""

    def __init__(self, options: argparse.Namespace, key: str, admin_key: str) -> None:
        self._options, self._key, self._admin_key = options, key, admin_key
        self._shortest: int | None = options.answer_tokens

    def app(self) -> web.Application:
        """The application; the model is loaded when it starts."""
        app = web.Application(middlewares=[self._guarded], client_max_size=1 << 24)
        app.on_startup.append(self._open)
        app.router.add_get("/health", self._health)
        app.router.add_get("/model_info", self._model_info)
        app.router.add_get("/server_info", self._server_info)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/load_lora_adapter", self._load)
        app.router.add_post("/unload_lora_adapter", self._unload)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _open(self, app: web.Application) -> None:
        o = self._options
        app[ENGINE] = await InProcessEngine.open(o.model, o.revision, o.context_length)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:  # aiohttp's
        admin = request.path.endswith("_lora_adapter")
        wanted = self._admin_key if admin else self._key
        if request.path != "/health" and request.headers.get("authorization") != f"Bearer {wanted}":
            return web.json_response({"error": {"message": "Unauthorized"}}, status=401)
        try:
            answered: web.StreamResponse = await handler(request)
        except AssayError as error:
            return web.json_response({"error": {"message": _said(error)}}, status=400)
        return answered

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _model_info(self, _request: web.Request) -> web.Response:
        return web.json_response({"weight_version": self._options.revision})

    async def _server_info(self, _request: web.Request) -> web.Response:
        return web.json_response({"chat_template": f"{template_digest().removeprefix('sha256:')}.jinja"})

    async def _models(self, request: web.Request) -> web.Response:
        cards: list[dict[str, Any]] = [{"id": BASE_NAME, "max_model_len": self._options.context_length}]
        cards += [{"id": name, "parent": BASE_NAME} for name in sorted(await request.app[ENGINE].loaded())]
        return web.json_response({"data": cards})

    async def _load(self, request: web.Request) -> web.Response:
        body = await request.json()
        name, path = body["lora_name"], Path(body["lora_path"])
        try:
            await request.app[ENGINE].load(name, path)
        except EngineRefused as error:
            return web.json_response({"success": False, "error_message": error.message}, status=400)
        self._record(name, path)
        return web.json_response({"success": True})

    def _record(self, name: str, path: Path) -> None:
        line = {"at": time.time(), "pid": os.getpid(), "name": name, "path": str(path), "digest": root_digest(path)}
        with (self._options.state / LOADS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    async def _unload(self, request: web.Request) -> web.Response:
        await request.app[ENGINE].unload((await request.json())["lora_name"])
        return web.json_response({"success": True})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if "messages" not in body:
            raise InputRefused("ENGINE_REQUEST_REFUSED", "no messages", "")
        _, _, adapter = str(body.get("model", "")).partition(":")
        if self._shortest and not body.get("response_format"):
            body["max_tokens"] = min(int(body.get("max_tokens") or self._shortest), self._shortest)
        engine = request.app[ENGINE]
        if not body.get("stream"):
            return web.json_response(await engine.chat(body, adapter or None))
        events = engine.stream(body, adapter or None)
        first = await anext(events)  # a refusal comes before the headers
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(first)
        async for event in events:
            await response.write(event)
        return response


def _said(error: AssayError) -> str:
    """In SGLang's words, by which clients tell refusals apart."""
    if isinstance(error, NotFound):
        return f"{ADAPTER_ABSENT[0]}it"
    return f"{TOO_LONG[0]}too long)" if error.code == "ENGINE_PROMPT_TOO_LONG" else error.message


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.engine", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context-length", type=int, default=1024)
    parser.add_argument("--answer-tokens", type=int, help="longest free answer; default as asked")
    options = parser.parse_args()
    options.state.mkdir(parents=True, exist_ok=True)
    doors = Doors(options, os.environ[KEY_VARIABLE], os.environ[ADMIN_KEY_VARIABLE])
    web.run_app(doors.app(), host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()

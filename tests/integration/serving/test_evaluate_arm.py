"""The evaluation activity against a small HTTP server that takes its time, as a busy engine does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from temporalio.testing import ActivityEnvironment

from activities import heartbeat
from activities.evaluation.activity import EvaluationActivities
from assay.contracts.base import BasePin
from assay.contracts.evaluation import ArmJob, Split
from assay.settings import EngineSettings, Settings
from evals.suite import Task
from registry import Registry

DIGEST = "sha256:" + "0" * 64
PIN = BasePin(repository="acme/base", revision="r1", digest=DIGEST)
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


def suite() -> bytes:
    rows: list[dict[str, Any]] = []
    for split in get_args(Split):
        for task in get_args(Task):
            row: dict[str, Any] = {"id": f"{split}-{task}", "task": task, "split": split}
            row["messages"] = [{"role": "user", "content": row["id"]}]
            row |= {"contains": ["yes"]} if task == "chat" else {"tools": TOOLS}
            row |= {"expected": [{"name": "weather", "arguments": {}}]} if task == "call" else {}
            rows.append(row)
    return "\n".join(map(json.dumps, rows)).encode()


class BusyEngine:
    """Answers when it is told to; it holds nothing but its base."""

    def __init__(self) -> None:
        self.asked, self.free = asyncio.Event(), asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{page:.*}", self._page)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        pages: dict[str, dict[str, Any]] = {
            "model_info": {"weight_version": "r1"},
            "server_info": {"chat_template": f"/engine/{DIGEST.removeprefix('sha256:')}.jinja"},
            "v1/models": {"data": [{"id": "base", "parent": None, "max_model_len": 2048}]},
        }
        return web.json_response(pages[request.match_info["page"]])

    async def _chat(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.free.wait()
        return web.json_response({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[tuple[BusyEngine, str]]:
    busy = BusyEngine()
    async with TestServer(busy.application()) as server:
        yield busy, str(server.make_url(""))


async def test_an_arm_is_alive_before_its_first_answer(engine: tuple[BusyEngine, str], tmp_path: Path) -> None:
    busy, url = engine
    settings = Settings(home=tmp_path, engine=EngineSettings(urls=(url,)))
    (tmp_path / "keys").mkdir()
    for name in ("engine", "admin"):
        (tmp_path / "keys" / f"{name}.key").write_text(name)
    registry = Registry.open(settings)
    stored = registry.blobs.put(suite())
    registry.close()
    job = ArmJob(tenant="acme", model="helpdesk", base=PIN, template=DIGEST, suite=stored, split="report")
    environment, heard = ActivityEnvironment(), list[tuple[int, int]]()
    environment.on_heartbeat = lambda *details: heard.append(details)
    evaluation = asyncio.create_task(environment.run(EvaluationActivities(settings).evaluate_arm, job))
    await busy.asked.wait()
    assert heard == [(0, 3)]
    await asyncio.sleep(heartbeat.EVERY_SECONDS + 0.5)
    assert heard == [(0, 3), (0, 3)]
    busy.free.set()
    scores = await evaluation
    assert heard[-1] == (3, 3)
    assert scores.rate("chat_contains").count == 1
    assert [scores.rate(name).count for name in ("call_valid", "irrelevance_refused")] == [0, 1]

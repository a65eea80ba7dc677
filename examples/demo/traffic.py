"""Live traffic: many users who chat, and some who need a tool, through the official `openai` client."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openai import APIError, AsyncOpenAI

IN_FLIGHT = 4


@dataclass(frozen=True)
class Seen:
    """One request as its sender saw it. Times are epoch seconds."""

    started: float
    first_token: float | None
    ended: float
    session: str
    arm: str
    adapter: str
    revision: int
    tools: bool
    ok: bool
    text: str


@dataclass
class Traffic:
    """Keeps `IN_FLIGHT` streaming requests under way until it is told to stop."""

    client: AsyncOpenAI
    model: str
    rows: list[dict[str, Any]]
    seen: list[Seen] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    @classmethod
    def over(cls, url: str, key: str, model: str, suite: Path) -> Traffic:
        """Traffic made of the suite's prompts: two plain chats, then one with tools, and so on."""
        rows = [json.loads(line) for line in suite.read_text("utf-8").splitlines()]
        chat = [r for r in rows if r["task"] == "chat"]
        calls = [r for r in rows if r["task"] == "call"]
        mixed = [
            row for i, row in enumerate(calls) for row in (chat[2 * i % len(chat)], chat[(2 * i + 1) % len(chat)], row)
        ]
        client = AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=120)
        return cls(client, model, mixed)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[Traffic]:
        """Traffic flows inside the block."""
        stop = asyncio.Event()
        users = [asyncio.create_task(self._user(stop)) for _ in range(IN_FLIGHT)]
        try:
            yield self
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*users)

    async def _user(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            number = next(self._numbers)
            await self._ask(self.rows[number % len(self.rows)], f"user-{number % 40}")

    async def _ask(self, row: dict[str, Any], session: str) -> None:
        started, first, text, headers, ok = time.time(), None, "", {}, False
        extra: dict[str, Any] = {"tools": row["tools"]} if row.get("tools") else {}
        try:
            raw = await self.client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=row["messages"],
                max_tokens=16,
                temperature=0,
                stream=True,
                extra_headers={"x-assay-session": session},
                **extra,
            )
            headers = dict(raw.headers)
            async for chunk in raw.parse():
                first = first or time.time()
                if chunk.choices and chunk.choices[0].delta.content:
                    text += chunk.choices[0].delta.content
            ok = True
        except APIError as error:
            text = str(error)
            await asyncio.sleep(0.5)
        self.seen.append(
            Seen(
                started=started,
                first_token=first,
                ended=time.time(),
                session=session,
                arm=headers.get("x-assay-arm", "none"),
                adapter=headers.get("x-assay-adapter", "none"),
                revision=int(headers.get("x-assay-route-revision", -1)),
                tools=bool(extra),
                ok=ok,
                text=text,
            )
        )

"""The other processes of one gateway. A control call reaches one of them; it must hold for all.

Every process listens on a loopback port of its own besides the shared one, and writes it to a file named after its pid.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import aiohttp

from assay.contracts.errors import Unavailable
from assay.telemetry import traces

ALONE: Final = "process"
"""Value of the query parameter `scope` that keeps a call within one process."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=6)
"""Longer than a process may look at its engines before it takes a table."""


class Peers:
    """Siblings by the files in `folder`; none when this process is the only one."""

    def __init__(self, folder: Path | None, session: aiohttp.ClientSession, admin_key: str) -> None:
        self._folder, self._session = folder, session
        self._headers = {"authorization": f"Bearer {admin_key}"}

    async def refresh(self) -> list[int]:
        """Make all siblings take the newest table; their revisions. Raises Unavailable when one does not answer."""
        answers = await self._ask("POST", "/admin/refresh", {})
        return [int(answer["revision"]) for answer in answers]

    async def observations(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """What all siblings counted. Raises Unavailable: counts with a hole in them would look like good news."""
        return await self._ask("GET", "/admin/observations", query)

    async def _ask(self, method: str, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        answers = await asyncio.gather(*(self._one(method, path, query, port) for port in self._ports()))
        return [answer for answer in answers if answer is not None]

    def _ports(self) -> list[int]:
        if self._folder is None:
            return []
        own = str(os.getpid())
        return [int(file.read_text()) for file in self._folder.iterdir() if file.name.isdigit() and file.name != own]

    async def _one(self, method: str, path: str, query: dict[str, str], port: int) -> dict[str, Any] | None:
        url, query = f"http://127.0.0.1:{port}{path}", query | {"scope": ALONE}
        try:
            async with self._session.request(
                method, url, params=query, headers=self._headers | traces.outgoing(), timeout=_TIMEOUT
            ) as response:
                if response.status == 200:
                    return dict(await response.json())
        except aiohttp.ClientConnectorError:
            return None  # it ended; its successor reads the table before it answers anybody
        except (aiohttp.ClientError, TimeoutError):
            pass
        raise Unavailable(
            "GATEWAY_PROCESS_SILENT",
            "A process of this gateway does not answer its control port.",
            "It takes the newest table within a second by itself, or has to be restarted.",
        )


def announce(folder: Path, port: int) -> None:
    """Let the siblings know this process' control port."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{os.getpid()}.part"
    part.write_text(str(port))
    part.rename(folder / str(os.getpid()))


def withdraw(folder: Path, pid: int) -> None:
    """That process ended."""
    (folder / str(pid)).unlink(missing_ok=True)

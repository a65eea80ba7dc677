"""Where snapshots come from: the registry, and a file with the last good one for when the registry is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from assay.contracts.base import Message
from assay.contracts.errors import Unavailable
from assay.contracts.rollout import RouteTable
from serving.gateway.snapshot import Snapshot, build
from serving.routes import adapters_needed

logger = logging.getLogger("assay.gateway")
POLL_SECONDS: Final = 1.0


class RouteSource(Protocol):
    """The control plane as the gateway sees it. Blocking; any exception means "not reachable now"."""

    def current(self) -> RouteTable:
        """The newest published table."""
        ...

    def hashes(self) -> Mapping[str, str]:
        """Hash of every key in force -> its tenant."""
        ...


class LastGood(Message):
    """The file: what was in force when the control plane was last seen."""

    table: RouteTable
    keys: dict[str, str]


class Routes:
    """Holds the snapshot in force. `snapshot` is replaced by one assignment and never changed in place."""

    def __init__(
        self,
        source: RouteSource,
        file: Path,
        report: Callable[[RouteTable], None],
        prepare: Callable[[frozenset[str]], Awaitable[None]],
    ) -> None:
        """`prepare` is awaited with the adapters that a table names anew, before it is put in force.

        `report` is told of each table that came into force.
        """
        self.snapshot, self._report, self._prepare = Snapshot(), report, prepare
        self._source, self._file, self._lock = source, file, asyncio.Lock()
        self._last: LastGood | None = None
        self.refreshed = 0.0
        """Unix time at which the control plane was last read."""

    def restore(self) -> None:
        """Take the last good snapshot from the file, so that a restart without control plane still serves."""
        try:
            self._take(LastGood.model_validate_json(self._file.read_bytes()))
        except FileNotFoundError:
            return
        except (OSError, ValidationError, ValueError):
            logger.exception("the last good route table on disk is not usable; waiting for the control plane")

    async def refresh(self) -> int:
        """Read the control plane and put what it says in force; the revision in force afterwards.

        One at a time: a read that began before this call can not overwrite what this call reads.
        Raises Unavailable (`CONTROL_PLANE_UNREACHABLE`); what was in force stays in force.
        """
        async with self._lock:
            try:
                table, keys = await asyncio.to_thread(lambda: (self._source.current(), self._source.hashes()))
                if fresh := adapters_needed(table) - self.adapters():
                    await self._prepare(fresh)
                changed = self._take(LastGood(table=table, keys=dict(keys)))
                self.refreshed = time.time()
            except Exception as error:
                raise Unavailable(
                    "CONTROL_PLANE_UNREACHABLE",
                    "The registry does not give a usable route table.",
                    "The last good table stays in force; see the gateway's log.",
                ) from error
            if changed and self._last is not None:
                await self._save(self._last)
            return self.snapshot.revision

    def adapters(self) -> frozenset[str]:
        """What the table in force names."""
        return adapters_needed(self._last.table) if self._last else frozenset()

    async def poll(self) -> None:
        """Refresh every second until cancelled; an outage is logged once when it begins and once when it ends."""
        reachable = True
        while True:
            try:
                await self.refresh()
                if not reachable:
                    logger.info("the control plane is back")
                reachable = True
            except Unavailable as error:
                if reachable:
                    logger.warning("serving from the last good route table: %r", error.__cause__)
                reachable = False
            await asyncio.sleep(POLL_SECONDS)

    def _take(self, new: LastGood) -> bool:
        """Put it in force; False when it already is. A revision names one table, so tables are not compared."""
        if self._last and new.table.revision == self._last.table.revision and new.keys == self._last.keys:
            return False
        if new.table.revision < self.snapshot.revision:
            # Revisions only grow: an older one is a lagging replica. Keys have no order, and are taken.
            logger.warning("ignored route table %s, older than %s", new.table.revision, self.snapshot.revision)
            new = LastGood(table=self._last.table if self._last else new.table, keys=new.keys)
        self.snapshot = build(new.table, new.keys)
        self._last = new
        self._report(new.table)
        return True

    async def _save(self, state: LastGood) -> None:
        try:
            await asyncio.to_thread(_write, self._file, state)
        except OSError:
            logger.exception("the route table is in force but could not be saved for the next start")


def _write(file: Path, state: LastGood) -> None:
    """Atomically, readable to us alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(state.model_dump_json().encode())
    part.replace(file)

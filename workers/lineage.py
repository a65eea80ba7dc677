"""OpenLineage events of each run, told while its activities work: `workers.lineage_events` says what of which.

They go where OpenLineage's own configuration says (`OPENLINEAGE_URL`, its file, its other variables);
without one they are appended to `openlineage.jsonl` in the state folder. Telling is no part of the work: a collector
that is slow or away costs an activity nothing, and what it did not take is logged and lost. The record of truth is the
registry.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent, RunState
from openlineage.client.transport.file import FileConfig, FileTransport
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from assay.settings import Settings
from workers.lineage_events import BEGINS, ENDS, Described, described, event

logger = logging.getLogger("assay.lineage")
FILE: Final = "openlineage.jsonl"
CONFIGURED: Final = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE_DISABLED", "OPENLINEAGE__TRANSPORT")
WAITING: Final = 1000
"""Events that may wait for a collector; those beyond are lost, and said to be."""
REMEMBERED: Final = 10_000
"""Runs whose beginning this process remembers, so as to say START once."""


class Teller:
    """Sends events one after the other, beside the work."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._begun: OrderedDict[str, None] = OrderedDict()
        self._room = BoundedSemaphore(WAITING)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lineage")

    def begins(self, run_id: str) -> bool:
        """Whether this is the first that this process hears of a run."""
        new = run_id not in self._begun
        self._begun[run_id] = None
        if len(self._begun) > REMEMBERED:
            self._begun.popitem(last=False)
        return new

    def tell(self, told: RunEvent) -> None:
        """Returns at once; never raises."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._send, told)
        else:
            logger.warning("%d lineage events wait for their collector: one of %s is lost", WAITING, told.job.name)

    def _send(self, told: RunEvent) -> None:
        try:
            self._client.emit(told)
        except Exception:  # whatever a transport raises: see the module
            logger.warning("a lineage event of %s was not taken", told.job.name, exc_info=True)
        finally:
            self._room.release()

    @cached_property
    def _client(self) -> OpenLineageClient:
        if any(name.startswith(CONFIGURED) for name in os.environ):
            return OpenLineageClient()
        self._home.mkdir(parents=True, exist_ok=True)
        return OpenLineageClient(transport=FileTransport(FileConfig(str(self._home / FILE), append=True)))


class _Telling(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, teller: Teller) -> None:
        super().__init__(next)
        self._teller = teller

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401  # SDK signature
        name = activity.info().activity_type
        before = described(name, input.args)
        if before is None:
            return await super().execute_activity(input)
        if name in BEGINS:
            first = self._teller.begins(activity.info().workflow_run_id or "")
            self._tell(RunState.START if first else RunState.RUNNING, before)
        try:
            result = await super().execute_activity(input)
        except (asyncio.CancelledError, CancelledError):
            details = activity.cancellation_details()
            if not (details and details.worker_shutdown):
                self._tell(RunState.ABORT, before)
            raise
        except ApplicationError as error:
            if error.non_retryable:
                self._tell(RunState.FAIL, before, error.type or "UNEXPECTED")
            raise
        if name in ENDS:
            self._tell(RunState.COMPLETE, described(name, input.args, result) or before)
        return result

    def _tell(self, state: RunState, what: Described, failure: str | None = None) -> None:
        info = activity.info()
        self._teller.tell(event(state, what, info.workflow_id or "", info.workflow_run_id or "", failure))


class Lineage(Interceptor):
    """Worker interceptor, see the module.

    It stands around `TypedErrors`, as a worker's own interceptors do around its plugin's: what reaches it is what the
    server gets, a failure of that type that is tried again or not.
    """

    def __init__(self, settings: Settings) -> None:
        self._teller = Teller(settings.home)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap one activity execution."""
        return _Telling(super().intercept_activity(next), self._teller)

"""What comes after a test: workflows that still run are ended, histories of closed ones kept for `tests/replay`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowHistory,
)
from temporalio.service import RPCError

CHECKOUT = f"{Path(__file__).resolve().parents[2]}/"


RECORDED: set[tuple[str, frozenset[str], frozenset[int]]] = set()


async def record(client: Client) -> None:
    """Keep the histories of this server's closed workflows when `ASSAY_RECORD_HISTORIES` names a folder."""
    if folder := os.environ.get("ASSAY_RECORD_HISTORIES"):
        async for found in client.list_workflows("ExecutionStatus != 'Running'"):
            _keep(await client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history(), Path(folder))


async def record_started(client: Client, started: Sequence[str]) -> None:
    """The same of workflows that are named: a server on which time skips lists none."""
    if folder := os.environ.get("ASSAY_RECORD_HISTORIES"):
        for id_ in started:
            handle = client.get_workflow_handle(id_)
            if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
                _keep(await handle.fetch_history(), Path(folder))


class Started(Interceptor):
    """Client interceptor that remembers which workflows were started."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Wrap the client."""
        return _Remembering(super().intercept_client(next), self.ids)


class _Remembering(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, ids: list[str]) -> None:
        super().__init__(next)
        self._ids = ids

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        self._ids.append(input.id)
        return await super().start_workflow(input)


def _keep(history: WorkflowHistory, folder: Path) -> None:
    """One of each shape (workflow, activities, kinds of event): the same way taken twice is not worth its bytes."""
    begun = history.events[0].workflow_execution_started_event_attributes
    begun.workflow_id = history.workflow_id  # a server on which time skips leaves it out, and ids of children have it
    kind = begun.workflow_type.name
    scheduled = {event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events}
    shape = (kind, frozenset(scheduled), frozenset(event.event_type for event in history.events))
    if shape not in RECORDED:
        RECORDED.add(shape)
        name = f"{kind}.{history.workflow_id.replace('/', '-')}.json".lower()
        # Stack traces name places of this machine; a kept history should not.
        text = history.to_json()
        for place in (CHECKOUT, f"{Path(sys.prefix).resolve().parent}/", f"{Path(sys.prefix).parent}/"):
            text = text.replace(place, "")
        (folder / name).write_text(text, "utf-8")


async def end_all(client: Client) -> None:
    """What a test leaves running must not keep the next one from its turn. Places and turns end by themselves."""
    query = "ExecutionStatus = 'Running' AND WorkflowType NOT IN ('Place', 'Turn')"
    async for found in client.list_workflows(query):
        with suppress(RPCError):  # it ended meanwhile
            await client.get_workflow_handle(found.id, run_id=found.run_id).terminate("its test is over")

"""What comes after a test: workflows that still run are ended, histories of closed ones kept for `tests/replay`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

CHECKOUT = f"{Path(__file__).resolve().parents[2]}/"


RECORDED: set[tuple[str, frozenset[str], frozenset[int]]] = set()


async def record(client: Client, folder: Path) -> None:
    """Keep the histories of this test's closed workflows, for `tests/replay`: once per released version.

    One of each shape (workflow, activities, kinds of event): the same way taken twice is not worth its bytes.
    """
    async for found in client.list_workflows("ExecutionStatus != 'Running'"):
        history = await client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()
        scheduled = {event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events}
        shape = (found.workflow_type, frozenset(scheduled), frozenset(event.event_type for event in history.events))
        if shape in RECORDED:
            continue
        RECORDED.add(shape)
        name = f"{found.workflow_type}.{found.id.replace('/', '-')}.json".lower()
        # Stack traces name the checkout; a kept history should not.
        (folder / name).write_text(history.to_json().replace(CHECKOUT, ""), "utf-8")


async def end_all(client: Client) -> None:
    """What a test leaves running must not keep the next one from its turn. Places and turns end by themselves."""
    query = "ExecutionStatus = 'Running' AND WorkflowType NOT IN ('Place', 'Turn')"
    async for found in client.list_workflows(query):
        with suppress(RPCError):  # it ended meanwhile
            await client.get_workflow_handle(found.id, run_id=found.run_id).terminate("its test is over")

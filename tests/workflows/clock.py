"""A server on which days pass at once."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from assay.contracts import names
from tests._servers.histories import Started, record_started
from workers.plugin import plugin
from workflows import ALL


@asynccontextmanager
async def skipping(
    activities: Sequence[Callable[..., Any]], workflows: Sequence[type] = ALL, queues: Sequence[str] = ()
) -> AsyncIterator[Client]:
    """A client, with a worker that serves workflows and these activities; the server knows no worker versions.

    `queues` are those from which the activities are served besides that of the workflows.
    """
    binary = Path(sys.executable).with_name("temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=str(binary)) as environment:
        kinds = {key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in names.SEARCH_ATTRIBUTES}
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=environment.client.namespace, search_attributes=kinds)
        )
        config = environment.client.config()
        config["plugins"], config["interceptors"] = [plugin()], [*config["interceptors"], started := Started()]
        client = Client(**config)
        control = Worker(client, task_queue=names.CONTROL_QUEUE, activities=activities, workflows=workflows)
        async with AsyncExitStack() as running:
            for worker in (control, *(Worker(client, task_queue=queue, activities=activities) for queue in queues)):
                await running.enter_async_context(worker)
            yield client
            await record_started(client, started.ids)

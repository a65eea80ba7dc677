"""Reviews as they run: a real Temporal dev server, the control worker's own activities, OPA with the signed bundle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyarrow import parquet
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.data.approval import ApprovalActivities
from activities.data.reviewing import ReviewActivities
from assay.client import AssayClient
from assay.contracts import names
from assay.contracts.base import canonical_digest
from assay.contracts.review import ReviewQueue
from assay.settings import Settings
from registry import QuarantinedRow, Registry
from tests._servers.histories import record
from tests._servers.temporal import running_temporal
from workers.plugin import plugin
from workers.run import WorkerKind, make_current, make_worker
from workflows import ALL

datasets = count(1)
Quarantine = Callable[..., tuple[ReviewQueue, list[str]]]


@pytest.fixture(scope="session")
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    async with running_temporal(temporal_binary) as environment:
        yield environment


@pytest.fixture
async def client(server: WorkflowEnvironment, settings: Settings) -> AsyncIterator[AssayClient]:
    config = server.client.config()
    config["plugins"] = [plugin()]
    connected = Client(**config)
    activities = [*ReviewActivities(settings).all(), *ApprovalActivities(settings).all()]
    kind = WorkerKind("control", names.CONTROL_QUEUE, 0, activities, ALL)
    async with make_worker(connected, settings, kind, grace=timedelta(0)):
        await make_current(connected, settings)
        yield AssayClient(connected)
        await record(connected)


@pytest.fixture
def quarantine(registry: Registry, tmp_path: Path) -> Quarantine:
    """Quarantine one row for each category of findings, in a dataset of its own, as screening does."""

    def put(*categories: str, by: str = "ann", dataset: str | None = None) -> tuple[ReviewQueue, list[str]]:
        queue = ReviewQueue(tenant="acme", dataset=dataset or f"support-{next(datasets)}")
        texts = [f"{queue.dataset} says something: {n} {category}" for n, category in enumerate(categories)]
        stored = registry.shards.put_file(_shard(tmp_path / "quarantined.parquet", texts))
        rows = [
            QuarantinedRow(
                row_id=canonical_digest(text),
                source="tickets",
                codes=(f"ROW_{category.upper()}_QUARANTINED",),
                findings=(f"{category}:KIND:1",),
                shard=stored,
                ordinal=ordinal,
            )
            for ordinal, (category, text) in enumerate(zip(categories, texts, strict=True))
        ]
        registry.quarantine.add(queue, rows, requested_by=by)
        return queue, [row.row_id for row in rows]

    return put


def _shard(path: Path, texts: list[str]) -> Path:
    def row(text: str) -> dict[str, Any]:
        messages = f'[{{"role": "user", "content": "{text}"}}, {{"role": "assistant", "content": "Hm."}}]'
        return {"row_id": canonical_digest(text), "kind": "replay", "messages": messages, "tools": "[]"}

    parquet.write_table(arrow.Table.from_pylist([row(text) for text in texts]), path)
    return path

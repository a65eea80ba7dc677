"""Two processes of each kind of worker share the queues, on PostgreSQL and S3, and one of them may die."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay.contracts import names
from assay.contracts.lifecycle import LifecycleRequest
from benchmarks.lives.drive import drive, left_behind, steps_of
from benchmarks.lives.house import House, opened
from registry import Registry
from tests._servers.postgresql import Server as PostgreSQL
from tests._servers.s3 import Server as S3

MODELS = 6
QUEUES = {
    "control": names.CONTROL_QUEUE,
    "data": names.DATA_QUEUE,
    "training": names.TRAINING_QUEUE,
    "serving": names.SERVING_QUEUE,
}


def diary(home: Path) -> list[dict[str, Any]]:
    """One line a training: which process, which run, from when to when."""
    file = home / "diary"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


async def worked(house: House) -> dict[str, set[int]]:
    """Processes of each kind that did something, as the histories name them."""
    steps = await steps_of(house.client, await left_behind(house.client))
    return {kind: {int(who.partition("@")[0]) for who in steps.workers[queue]} for kind, queue in QUEUES.items()}


@pytest.mark.timeout(600)
async def test_two_of_each_do_every_step_once(tmp_path: Path, postgresql: PostgreSQL, on_s3: S3) -> None:
    async with opened(
        tmp_path, each=2, database=postgresql.create(), blobs=on_s3.url(), variables=on_s3.environment
    ) as house:
        requests = [house.request(f"model-{n}", 1) for n in range(MODELS)]
        first = await drive(house.client, requests)
        before = await worked(house)
        for kind, processes in house.workers.items():
            next(process for process in processes if process.pid in before[kind]).kill()
        second = await drive(house.client, [house.request(f"model-{n}", 2) for n in range(MODELS)])
        after = await worked(house)
        registry = Registry.open(house.settings)
        moved = await asyncio.to_thread(_production, registry, requests)
        table = registry.routes.current()
        registry.close()
    assert {status.stage for status in (*first.statuses, *second.statuses)} == {"production"}
    trained = diary(tmp_path)
    assert Counter(Counter(entry["run"] for entry in trained).values()) == {1: 2 * MODELS}
    assert len(before["training"]) == 1  # one process a device: the other one waited, and took over
    by_time = sorted(trained, key=lambda entry: float(entry["from"]))
    assert all(one["to"] <= then["from"] for one, then in itertools.pairwise(by_time))
    assert {kind: len(processes) for kind, processes in after.items()} == dict.fromkeys(QUEUES, 2)
    assert moved == dict.fromkeys((f"model-{n}" for n in range(MODELS)), 2)
    assert {(route.model, len(route.arms)) for route in table.routes} == {(f"model-{n}", 1) for n in range(MODELS)}


def _production(registry: Registry, requests: list[LifecycleRequest]) -> dict[str, int]:
    """How often each model's production pointer moved."""
    return {
        request.model: sum(move.stage == "production" for move in registry.pointers.events("acme", request.model))
        for request in requests
    }

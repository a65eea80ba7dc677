"""Each run tells its lineage: workers as they are made write OpenLineage events while workflows go through them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from assay.client import AssayClient
from assay.contracts.data import IntakeRequest, Source
from assay.contracts.erasure import ErasureRequest
from assay.contracts.evaluation import EvaluationRequest
from assay.contracts.training import DatasetChoice, TrainingRequest
from workers.lineage import FILE

from .asking import versions

Told = Callable[[WorkflowHandle[Any, Any], str], Awaitable[list[dict[str, Any]]]]


@pytest.fixture(autouse=True)
def no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The events of a workflow's own run, as soon as its last one is written."""

    async def read(handle: WorkflowHandle[Any, Any], last: str) -> list[dict[str, Any]]:
        run = (await handle.describe()).run_id
        async with asyncio.timeout(30):
            while True:
                lines = (tmp_path / FILE).read_text("utf-8").splitlines() if (tmp_path / FILE).exists() else []
                mine = [one for one in map(json.loads, lines) if one["run"]["runId"] == run]
                if mine and mine[-1]["eventType"] == last:
                    return mine
                await asyncio.sleep(0.02)

    return read


def said(events: list[dict[str, Any]]) -> tuple[str, list[str], list[str]]:
    """Of a run that is over: the kinds of its events, and names of what the last one reads and writes."""
    last = events[-1]
    reads, writes = (sorted(one["name"].partition(":")[0] for one in last[side]) for side in ("inputs", "outputs"))
    return " ".join(one["eventType"] for one in events), reads, writes


def training() -> TrainingRequest:
    return TrainingRequest(
        tenant="acme",
        model="helpdesk",
        version=next(versions),
        base="acme/base",
        datasets=(DatasetChoice(dataset="sha256:" + "e" * 64),),
        requested_by="ann",
    )


async def test_an_intake_tells_its_sources_and_its_dataset(client: AssayClient, told: Told) -> None:
    source = Source(
        name="tickets",
        uri="/exports/tickets.jsonl",
        system="crm",
        owner="ann",
        licence="MIT",
        purposes=("train-tenant-model",),
        consent="granted",
        retention_days=30,
        tier="curated",
    )
    handle = await client.start_intake(
        IntakeRequest(tenant="acme", dataset="told", version=next(versions), sources=(source,), requested_by="ann")
    )
    await handle.result()
    kinds, reads, writes = said(await told(handle, "COMPLETE"))
    assert (kinds.split()[0], reads, writes) == ("START", ["/exports/tickets.jsonl"], ["told"])


async def test_a_training_tells_its_datasets_and_its_adapters(client: AssayClient, told: Told) -> None:
    handle = await client.start_training(training())
    await handle.result()
    adapters = ["helpdesk/adapter", "helpdesk/adapter"]
    assert said(await told(handle, "COMPLETE")) == ("START COMPLETE", ["base/acme/base", "sha256"], adapters)


async def test_a_training_that_fails_tells_its_code(client: AssayClient, house: Any, told: Told) -> None:
    house.refused["train"] = "LOSS_NAN"
    handle = await client.start_training(training())
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    [_, failed] = await told(handle, "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "LOSS_NAN"


async def test_an_evaluation_tells_its_report_once_every_arm_has_answered(client: AssayClient, told: Told) -> None:
    handle = await client.start_evaluation(
        EvaluationRequest(tenant="acme", model="helpdesk", version=next(versions), suite="s.jsonl", requested_by="ann")
    )
    status = await handle.result()
    kinds, reads, writes = said(await told(handle, "COMPLETE"))
    assert kinds == " ".join(["START", *["RUNNING"] * (status.arms_total - 1), "COMPLETE"])
    assert (reads, writes) == (["helpdesk/adapter", "helpdesk/adapter", "suite"], ["helpdesk/report"])


async def test_an_erasure_tells_which_dataset_stands_for_which(client: AssayClient, told: Told) -> None:
    handle = await client.start_erasure(
        ErasureRequest(tenant="acme", subject=f"{next(versions):064x}", requested_by="pia")
    )
    await handle.result()
    [event] = await told(handle, "COMPLETE")
    digests = [one["facets"]["version"]["datasetVersion"][-1] for one in (*event["inputs"], *event["outputs"])]
    assert (event["job"]["name"], digests) == ("erasure.dataset", ["e", "d"])

"""Screened sources are bound into one dataset, once, and nothing empty is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.data.activity import DataActivities
from activities.data.screening import Tools, screen
from activities.data.sealing import seal
from assay.contracts.data import IntakeRequest, ScreenJob, SealJob, Source
from assay.contracts.errors import InputRefused, NotFound
from assay.settings import Settings
from registry import Registry

MakeRow = Callable[..., dict[str, Any]]
MakeSource = Callable[..., Source]
MakeJob = Callable[[Source], ScreenJob]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.open(Settings(home=tmp_path))


def sealed(tools: Tools, *sources: Source, **terms: object) -> SealJob:
    request = IntakeRequest(tenant="acme", dataset="support", sources=sources, requested_by="ann")
    screened = [
        screen(ScreenJob(tenant="acme", dataset="support", purpose=request.purpose, source=s), None, tools)
        for s in sources
    ]
    return SealJob(request=request.model_copy(update=terms), screened=tuple(screened))


def test_a_dataset_is_named_by_its_manifest_and_entered_with_its_rows(
    tools: Tools, source: MakeSource, row: MakeRow, registry: Registry
) -> None:
    rows = [row("one", licence="ISC"), row("mail erika@example.org"), row("one", id="again")]
    job = sealed(tools, source(rows, licence="mit", synthetic_depth=1))
    dataset = seal(job, registry)
    manifest = json.loads(registry.blobs.get(dataset.manifest))
    assert dataset.id == dataset.manifest.sha256
    assert (manifest["licences"], manifest["synthetic_share"]) == (["ISC", "MIT"], 1.0)
    assert [shard["rows"] for shard in manifest["shards"]] == [2]
    assert manifest["ledger"]["rows"] == 3
    record = registry.datasets.get(dataset.id)
    assert (record.dataset, record.licences) == (dataset, ("MIT",))
    assert registry.datasets.outcomes(dataset.id) == {"accepted": 1, "redacted": 1, "refused": 1}
    assert [node.name for node in registry.lineage.ancestors(dataset.id)] == [manifest["sources"][0]["sha256"]]
    assert len(registry.decisions.list(dataset.id)) == 1


def test_the_same_input_gives_the_same_dataset_whenever_it_is_sealed(
    tools: Tools, source: MakeSource, row: MakeRow, registry: Registry
) -> None:
    first = seal(sealed(tools, source([row("one")])), registry)
    later = replace(tools, now=datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=1))
    assert seal(sealed(later, source([row("one")])), registry) == first
    assert seal(sealed(tools, source([row("two")])), registry).id != first.id
    assert seal(sealed(tools, source([row("one")]), version=2), registry).id != first.id


def test_a_dataset_without_rows_is_refused_with_the_reasons(
    tools: Tools, source: MakeSource, row: MakeRow, registry: Registry
) -> None:
    tools.gate.action = lambda _: "refuse"  # type: ignore[attr-defined]
    with pytest.raises(InputRefused, match=r"none of 1 rows was accepted \(ROW_REFUSE 1\)") as refused:
        seal(sealed(tools, source([row()])), registry)
    assert refused.value.code == "DATASET_EMPTY"


def test_every_source_that_was_asked_for_must_be_screened(
    tools: Tools, source: MakeSource, row: MakeRow, registry: Registry
) -> None:
    job = sealed(tools, source([row()]))
    twice = job.model_copy(update={"request": job.request.model_copy(update={"sources": job.request.sources * 2})})
    both = twice.model_copy(update={"screened": job.screened * 2})
    for wrong in (twice, both):
        with pytest.raises(InputRefused) as refused:
            seal(wrong, registry)
        assert refused.value.code == "SOURCES_UNSCREENED"


def test_sealing_beats_before_it_fetches_joins_and_stores(
    tools: Tools, source: MakeSource, row: MakeRow, registry: Registry, tmp_path: Path
) -> None:
    environment, heard = ActivityEnvironment(), list[tuple[object, ...]]()
    environment.on_heartbeat = lambda *details: heard.append(details)
    environment.run(DataActivities(Settings(home=tmp_path)).seal_dataset, sealed(tools, source([row()])))
    assert heard


def test_screening_beats_before_the_file_is_read(source: MakeSource, tmp_path: Path) -> None:
    environment, heard = ActivityEnvironment(), list[tuple[object, ...]]()
    environment.on_heartbeat = lambda *details: heard.append(details)
    job = ScreenJob(tenant="acme", dataset="support", purpose="train-tenant-model", source=source([]))
    (tmp_path / "rows.jsonl").unlink()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "subject.key").write_bytes(b"key")
    with pytest.raises(NotFound, match="SOURCE_UNREADABLE"):
        environment.run(DataActivities(Settings(home=tmp_path)).screen_source, job)
    assert heard == [(0,)]

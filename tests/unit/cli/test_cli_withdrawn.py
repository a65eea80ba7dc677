"""What a case withdrew or destroyed is told as that, with the case, wherever somebody asks about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys

Run = Callable[..., Any]
CASE = "acme.51d0e2aa17cc"
SOURCE, DATASET, ADAPTER, CLEAN = (f"sha256:{letter * 64}" for letter in "abcd")

TICKETS = Source(
    name="tickets",
    uri="tickets.jsonl",
    system="helpdesk",
    owner="ann",
    licence="Apache-2.0",
    purposes=("train-tenant-model",),
    consent="granted",
    retention_days=30,
    tier="curated",
)
ASKED: dict[str, Any] = {"tenant": "acme", "dataset": "support", "sources": (TICKETS,), "requested_by": "ann"}


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    ensure_keys(home)
    opened = Registry.open(Settings(home=home))
    link = opened.lineage.link
    link(SOURCE, DATASET, "screened as tickets", parent_kind="source", child_kind="dataset")
    link(SOURCE, CLEAN, "screened as tickets", parent_kind="source", child_kind="dataset")
    link(DATASET, "acme.helpdesk.1.51d0e2aa17cc", "trained with", parent_kind="dataset", child_kind="run")
    link("acme.helpdesk.1.51d0e2aa17cc", ADAPTER, "exported", parent_kind="run", child_kind="adapter")
    yield opened
    opened.close()


def entered(registry: Registry, **manifest: object) -> str:
    """A dataset with this manifest and without rows."""
    stored = registry.blobs.put(json.dumps(manifest).encode())
    dataset = Dataset(id=stored.sha256, manifest=stored, counts=RowCounts())
    registry.datasets.add(dataset, IntakeRequest(**ASKED), stored, [])
    registry.lineage.link(SOURCE, dataset.id, "screened", parent_kind="source", child_kind="dataset")
    return dataset.id


def test_a_lineage_marks_what_is_withdrawn_with_its_case(assay: Run, registry: Registry) -> None:
    assert {node["withdrawn"] for node in assay("lineage", SOURCE, "--json").json} == {None}
    registry.withdrawals.withdraw(CASE, [DATASET])
    marked = {node["name"]: node["withdrawn"] for node in assay("lineage", SOURCE, "--json").json}
    assert marked == {DATASET: CASE, CLEAN: None, "acme.helpdesk.1.51d0e2aa17cc": CASE, ADAPTER: CASE}
    lines = assay("lineage", SOURCE).out.splitlines()
    assert [CASE in line for line in lines if DATASET in line and "source" not in line] == [True, True]
    assert not any(CASE in line for line in lines if CLEAN in line)


def test_what_is_asked_about_is_marked_too(assay: Run, registry: Registry) -> None:
    assert ADAPTER not in {node["name"] for node in assay("lineage", ADAPTER, "--json").json}
    registry.withdrawals.withdraw(CASE, [DATASET])
    first, *others = assay("lineage", ADAPTER, "--json").json
    assert (first["direction"], first["kind"], first["name"], first["withdrawn"]) == (
        "itself",
        "adapter",
        ADAPTER,
        CASE,
    )
    assert {node["name"]: node["withdrawn"] for node in others}[SOURCE] is None


def test_decisions_about_what_a_case_sealed_are_those_of_its_intake(assay: Run, registry: Registry) -> None:
    first = entered(registry, version=1)
    made = entered(registry, version=2, replaces=first)
    ended = assay("decisions", made, "--json")
    assert (ended.code, ended.json) == (0, [])
    assert f"those of its rows are about {first}" in ended.err
    assert assay("decisions", first).err == ""


def test_a_destroyed_file_is_shown_as_destroyed_with_its_case(assay: Run, home: Path, registry: Registry) -> None:
    (home / "rows").write_bytes(b"rows")
    shard = registry.shards.put_file(home / "rows")
    registry.shards.destroy(shard, CASE)
    ended = assay("show", shard.sha256)
    assert (ended.code, ended.out) == (1, "")
    assert f"BLOB_DESTROYED: {shard.sha256} was destroyed (case {CASE})" in ended.err
    assert f"remedy: see `assay erase show {CASE}`" in ended.err
    assert "ASSAY_BLOB_URL" not in ended.err


def test_a_file_that_nobody_destroyed_is_looked_for_in_the_store(assay: Run, registry: Registry) -> None:
    ended = assay("show", DATASET)
    assert "BLOB_UNKNOWN" in ended.err
    assert "ASSAY_BLOB_URL" in ended.err

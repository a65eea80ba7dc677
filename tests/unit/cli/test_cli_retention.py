"""`assay retention` says until when rows are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.retention import SourceTerm
from assay.settings import Settings
from registry import Registry

Assay = Callable[..., Any]


@pytest.fixture
def terms(home: Path) -> None:
    registry = Registry.open(Settings(home=home))
    for tenant, day in (("globex", 2), ("acme", 1)):
        term = SourceTerm(source="tickets", expires_at=datetime(2027, 1, day, tzinfo=UTC))
        registry.retention.enter(f"sha256:{day:064}", tenant, "support", 1, [term])


def test_terms_are_listed_the_first_to_expire_first(assay: Assay, terms: None) -> None:
    listed = assay("retention", "list", "--json").json
    assert [(one["tenant"], one["expires_at"], one["state"]) for one in listed] == [
        ("acme", "2027-01-01T00:00:00Z", "kept"),
        ("globex", "2027-01-02T00:00:00Z", "kept"),
    ]
    shown = assay("retention", "list", "--tenant", "acme").out
    assert "acme/support/1" in shown
    assert "2027-01-01 00:00 UTC" in shown
    assert "globex" not in shown


def test_a_timer_is_started_for_a_dataset_that_is_there(assay: Assay) -> None:
    ended = assay("retention", "start", "acme/support/1", "--requested-by", "ann")
    assert (ended.code, "DATASET_UNKNOWN" in ended.err) == (1, True)
    assert assay("retention", "start", "acme/support", "--requested-by", "ann").code == 2
    assert assay("retention", "start", "acme/support/1", "--requested-by", "").code == 2


@pytest.fixture
def resealed(home: Path) -> None:
    """A dataset that an erasure sealed again, and one of which it left nothing."""
    registry = Registry.open(Settings(home=home))
    first = sealed(registry, "support", 1)
    sealed(registry, "support", 2, replaces=first)
    gone = sealed(registry, "mail", 1)
    term = SourceTerm(source="tickets", expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    for dataset, name in ((first, "support"), (gone, "mail")):
        registry.retention.enter(dataset, "acme", name, 1, [term])
    registry.withdrawals.withdraw("acme.51d0e2aa17cc", [first, gone])
    registry.blobs.remove(registry.datasets.get(gone).ledger.sha256)


def sealed(registry: Registry, name: str, version: int, **body: str) -> str:
    manifest = registry.blobs.put(json.dumps({"name": name, "version": version, **body}).encode())
    ledger = registry.blobs.put(f"ledger of {name} {version}".encode())
    source = Source(
        name="tickets",
        uri="tickets.jsonl",
        system="helpdesk",
        owner="ann",
        licence="MIT",
        purposes=("train-tenant-model",),
        consent="granted",
        retention_days=30,
        tier="curated",
    )
    request = IntakeRequest(tenant="acme", dataset=name, version=version, sources=(source,), requested_by="ann")
    registry.datasets.add(Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts()), request, ledger, ())
    return manifest.sha256


def test_terms_are_listed_as_they_stand_after_erasures(assay: Assay, resealed: None) -> None:
    listed = assay("retention", "list", "--json").json
    assert {one["name"]: (one["state"], one["current_version"]) for one in listed} == {
        "support": ("kept", 2),
        "mail": ("erased", 1),
    }
    shown = assay("retention", "list").out
    assert "kept, in version 2" in shown
    assert "erased" in shown


def test_no_second_timer_is_started_for_what_an_erasure_sealed(assay: Assay, resealed: None) -> None:
    ended = assay("retention", "start", "acme/support/2", "--requested-by", "ann")
    assert (ended.code, ended.out, "RETENTION_COVERED" in ended.err) == (1, "", True)
    assert "retention/acme/support/1" in ended.err

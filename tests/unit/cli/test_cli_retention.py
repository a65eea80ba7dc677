"""`assay retention` says until when rows are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

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

"""Retention counts from the first seal, by source, whatever was sealed again since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.data.retention import plan
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.errors import NotFound
from assay.contracts.retention import RetentionNote, RetentionRequest
from assay.settings import Settings
from registry import Registry

MakeSource = Callable[..., Source]
REQUEST = RetentionRequest(tenant="acme", dataset="support", version=1, requested_by="ann")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.open(Settings(home=tmp_path / "home"))
    yield opened
    opened.close()


def sealed(registry: Registry, *sources: Source, version: int = 1, replaces: str | None = None, note: str = "") -> str:
    body = {"version": version, "note": note, **({"replaces": replaces} if replaces else {})}
    manifest = registry.blobs.put(json.dumps(body).encode())
    request = IntakeRequest(tenant="acme", dataset="support", version=version, sources=sources, requested_by="ann")
    registry.datasets.add(Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts()), request, manifest, ())
    return manifest.sha256


def test_each_source_ends_after_its_own_days_and_the_shortest_first(registry: Registry, source: MakeSource) -> None:
    id_ = sealed(registry, source(b"", name="calls", retention_days=30), source(b"", name="tickets", retention_days=10))
    found = plan(REQUEST, registry)
    [seal] = registry.retention.seals("acme", "support")
    assert [(term.source, term.expires_at - seal.sealed_at) for term in found.sources] == [
        ("tickets", timedelta(days=10)),
        ("calls", timedelta(days=30)),
    ]
    assert (found.origin, found.current) == (id_, id_)


def test_what_an_erasure_sealed_again_expires_with_the_original(registry: Registry, source: MakeSource) -> None:
    first = sealed(registry, source(b"", name="calls"))
    before = plan(REQUEST, registry)
    second = sealed(registry, source(b"", name="calls"), version=2, replaces=first)
    third = sealed(registry, source(b"", name="calls"), version=3, replaces=second)
    for request in (REQUEST, REQUEST.model_copy(update={"version": 3})):
        found = plan(request, registry)
        assert (found.origin, found.current, found.sources) == (first, third, before.sources)


def test_a_later_intake_has_a_time_of_its_own(registry: Registry, source: MakeSource) -> None:
    first = sealed(registry, source(b"", name="calls"))
    second = sealed(registry, source(b"", name="calls"), version=2)
    assert plan(REQUEST, registry).origin == first
    assert plan(REQUEST.model_copy(update={"version": 2}), registry).origin == second
    assert len(registry.retention.list("acme")) == 2


def test_what_became_of_rows_is_kept_and_removed_is_the_end(registry: Registry, source: MakeSource) -> None:
    origin = sealed(registry, source(b"", name="calls"))
    plan(REQUEST, registry)
    for state in ("held", "kept", "removed", "held"):
        registry.retention.note(RetentionNote.model_validate({"origin": origin, "source": "calls", "state": state}))
    assert [term.state for term in plan(REQUEST, registry).sources] == ["removed"]
    assert registry.retention.list(state="kept") == ()


def test_a_dataset_of_another_name_or_tenant_is_not_found(registry: Registry, source: MakeSource) -> None:
    id_ = sealed(registry, source(b"", name="calls"))
    for changes in ({"dataset": "mail", "id": id_}, {"tenant": "globex", "id": id_}, {"version": 7}):
        with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
            plan(REQUEST.model_copy(update=changes), registry)


def test_every_seal_of_a_version_has_its_term(registry: Registry, source: MakeSource) -> None:
    first = sealed(registry, source(b"", name="calls", retention_days=30))
    again = sealed(registry, source(b"", name="calls", retention_days=10), note="a reviewer let rows in")
    left = sealed(registry, source(b"", name="calls"), version=2, replaces=again)
    found = plan(REQUEST.model_copy(update={"id": first}), registry)
    [other] = found.others
    assert (found.origin, found.current, other.origin, other.current) == (first, first, again, left)
    assert plan(REQUEST.model_copy(update={"id": again}), registry).origin == again
    assert len(registry.retention.list("acme")) == 2

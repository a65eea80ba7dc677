"""Retention counts from the first seal, by source, whatever was sealed again since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from activities.data.retention import plan, standing, timed
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.retention import RetentionNote, RetentionRequest
from assay.settings import Settings
from registry import BlobStore, Registry
from registry.database import Database

MakeSource = Callable[..., Source]
REQUEST = RetentionRequest(tenant="acme", dataset="support", version=1, requested_by="ann")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.open(Settings(home=tmp_path / "home"))
    yield opened
    opened.close()


def sealed(
    registry: Registry,
    *sources: Source,
    version: int = 1,
    replaces: str | None = None,
    note: str = "",
    name: str = "support",
) -> str:
    body = {"name": name, "version": version, "note": note, **({"replaces": replaces} if replaces else {})}
    manifest = registry.blobs.put(json.dumps(body).encode())
    request = IntakeRequest(tenant="acme", dataset=name, version=version, sources=sources, requested_by="ann")
    ledger = registry.blobs.put(f"ledger of {manifest.sha256}".encode())
    registry.datasets.add(Dataset(id=manifest.sha256, manifest=manifest, counts=RowCounts()), request, ledger, ())
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


@pytest.mark.parametrize("in_use", ["first", "second"])
def test_of_two_that_cases_sealed_at_once_the_one_in_use_expires(
    registry: Registry, source: MakeSource, in_use: str
) -> None:
    origin = sealed(registry, source(b"", name="calls"))
    two = {
        "first": sealed(registry, source(b"", name="calls"), version=2, replaces=origin),
        "second": sealed(registry, source(b"", name="calls"), version=3, replaces=origin),
    }
    current = two.pop(in_use)
    registry.withdrawals.withdraw("case-7", [origin, *two.values()])
    assert plan(REQUEST, registry).current == current
    [stands] = standing(registry)
    assert stands.current == current


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


def test_terms_say_in_which_version_their_rows_are_and_when_nothing_is_left(
    registry: Registry, source: MakeSource
) -> None:
    first = sealed(registry, source(b"", name="calls"))
    plan(REQUEST, registry)
    [term] = standing(registry)
    assert (term.state, term.current, term.current_version) == ("kept", first, 1)
    second = sealed(registry, source(b"", name="calls"), version=2, replaces=first)
    registry.withdrawals.withdraw("acme.51d0e2aa17cc", [first])
    [term] = standing(registry)
    assert (term.state, term.current, term.current_version) == ("kept", second, 2)
    registry.withdrawals.withdraw("acme.51d0e2aa17cc", [second])
    [term] = standing(registry, "acme")
    assert (term.state, term.current_version) == ("kept", 2)  # withdrawn, and not destroyed: a legal hold may stop it
    registry.blobs.remove(registry.datasets.get(second).ledger.sha256)
    [term] = standing(registry, "acme")
    assert (term.state, term.current_version) == ("erased", 2)
    registry.retention.note(RetentionNote(origin=first, source="calls", state="removed"))
    assert [one.state for one in standing(registry)] == ["removed"]
    assert standing(registry, "globex") == ()


def test_a_version_that_an_erasure_sealed_has_no_timer_of_its_own(registry: Registry, source: MakeSource) -> None:
    first = sealed(registry, source(b"", name="calls"))
    second = sealed(registry, source(b"", name="calls"), version=2, replaces=first)
    sealed(registry, source(b"", name="calls"), version=3, replaces=second)
    assert timed(registry, "acme", "support", 1).dataset.id == first
    for version in (2, 3):
        with pytest.raises(Conflict, match="in the place of version 1") as refused:
            timed(registry, "acme", "support", version)
        assert refused.value.code == "RETENTION_COVERED"
        assert "retention/acme/support/1 covers it" in refused.value.message
        assert "assay retention start acme/support/1" in refused.value.remedy
    own = sealed(registry, source(b"", name="mail"), version=3, note="of an intake, under the same number")
    sealed(registry, source(b"", name="calls"), version=3, replaces=first, note="and of another erasure")
    assert timed(registry, "acme", "support", 3).dataset.id == own
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        timed(registry, "acme", "support", 7)


def test_terms_are_listed_with_as_many_queries_however_many_there_are(
    registry: Registry, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    reading = Database.reading

    def counted(database: Database) -> AbstractContextManager[Session]:
        asked.append(database)
        return reading(database)

    def queries() -> int:
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Database, "reading", counted)
            standing(registry)
        return len(asked)

    def replaced(name: str) -> None:
        first = sealed(registry, source(b"", name="calls"), source(b"", name="mail"), name=name)
        plan(REQUEST.model_copy(update={"dataset": name}), registry)
        sealed(registry, source(b"", name="calls"), version=2, replaces=first, name=name)
        registry.withdrawals.withdraw("acme.51d0e2aa17cc", [first])

    replaced("support")
    few = queries()
    for at in range(7):
        replaced(f"support-{at}")
    assert (len(standing(registry)), queries()) == (16, few)
    assert {(term.state, term.current_version) for term in standing(registry)} == {("kept", 2)}


def test_no_manifest_is_read_twice_nor_of_what_an_intake_sealed(
    registry: Registry, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, mail = source(b"", name="calls"), source(b"", name="mail")
    intakes = [sealed(registry, calls, mail, version=version) for version in range(1, 6)]
    for version in range(1, 6):
        plan(REQUEST.model_copy(update={"version": version}), registry)
    other = sealed(registry, calls, name="other")
    plan(REQUEST.model_copy(update={"dataset": "other"}), registry)
    left = [sealed(registry, calls, mail, version=6 + at, replaces=intakes[at]) for at in range(2)]
    last = sealed(registry, calls, mail, version=8, replaces=left[0])
    registry.withdrawals.withdraw("acme.51d0e2aa17cc", [*intakes[:2], left[0]])
    read: list[str] = []
    get = BlobStore.get

    def noted(blobs: BlobStore, what: Reference) -> bytes:
        read.append(what.sha256)
        return get(blobs, what)

    monkeypatch.setattr(BlobStore, "get", noted)
    found = {(term.dataset, term.current) for term in standing(registry)}
    assert found == {(intakes[0], last), (intakes[1], left[1]), *((one, one) for one in (*intakes[2:], other))}
    assert sorted(read) == sorted((*left, last))

"""The registry's activities: thin, idempotent, and clear about bad suites."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from activities.registry.activity import RegistryActivities
from assay.contracts import evaluation, lifecycle, promotion, rollout, training
from assay.contracts.data import Source
from assay.contracts.errors import Conflict, InputRefused, NotFound
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import PointerMove, PointerQuery
from assay.contracts.rollout import Incident, RootCause
from assay.settings import Settings
from registry import BaseRecord, Registry

Examples = Any  # the class stands in conftest.py, which tests do not import
ROW = {
    "id": "q1",
    "task": "chat",
    "split": "report",
    "messages": [{"role": "user", "content": "Capital of France?"}],
    "contains": ["Paris"],
}


@pytest.fixture
def activities(settings: Settings, registry: Registry, examples: Examples) -> Iterator[RegistryActivities]:
    template = examples.sha("template")
    registry.bases.add(
        BaseRecord(pin=examples.base, licence="Apache-2.0", path="base", template=template, max_context=2048)
    )
    made = RegistryActivities(settings)
    yield made
    made._registry.close()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "a suite.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in whole_suite()), encoding="utf-8")
    return path


def whole_suite() -> list[dict[str, Any]]:
    """A row of each task in each split."""
    tools = [{"type": "function", "function": {"name": "weather"}}]
    tasks: tuple[dict[str, Any], ...] = (
        {"task": "call", "contains": None, "tools": tools, "expected": [{"name": "weather", "arguments": {}}]},
        {"task": "irrelevance", "contains": None, "tools": tools},
        {"task": "chat"},
    )
    rows = [ROW | task | {"split": split} for split in ("select", "report") for task in tasks]
    return [
        row | {"id": f"q{n}", "messages": [{"role": "user", "content": f"Question {n}?"}]} for n, row in enumerate(rows)
    ]


def request(examples: Examples, suite: str, base: str = "acme/base") -> LifecycleRequest:
    sources: tuple[Source, ...] = examples.intake().sources
    return LifecycleRequest(
        tenant="acme",
        model="helpdesk",
        version=1,
        base=base,
        dataset="support",
        sources=sources,
        suite=suite,
        requested_by="ann",
    )


def test_the_names_are_those_of_the_contracts(activities: RegistryActivities) -> None:
    stubs: list[Callable[..., Any]] = [
        lifecycle.prepare_lifecycle,
        training.pin_training,
        evaluation.pin_evaluation,
        promotion.pin_promotion,
        rollout.pin_rollout,
        promotion.register_version,
        promotion.move_pointer,
        promotion.read_pointer,
        rollout.open_incident,
        rollout.close_incident,
    ]
    names = [activity._Definition.must_from_callable(stub).name for stub in stubs]
    assert [activity._Definition.must_from_callable(real).name for real in activities.all()] == names


def test_a_lifecycle_is_pinned_by_path_by_url_and_by_digest(
    activities: RegistryActivities, registry: Registry, examples: Examples, suite: Path
) -> None:
    run = ActivityEnvironment().run
    by_path = run(activities.prepare_lifecycle, request(examples, str(suite)))
    assert (by_path.base, by_path.template) == (examples.base, examples.sha("template"))
    assert registry.blobs.get(by_path.suite) == suite.read_bytes()
    for uri in (suite.as_uri(), by_path.suite.uri):
        assert run(activities.prepare_lifecycle, request(examples, uri)) == by_path


def test_an_unregistered_base_is_not_found(activities: RegistryActivities, examples: Examples, suite: Path) -> None:
    with pytest.raises(NotFound, match="BASE_UNKNOWN: no base model acme/unknown"):
        activities.prepare_lifecycle(request(examples, str(suite), base="acme/unknown"))


@pytest.mark.parametrize(
    "second",
    [b"{", b"[1, 2]", b"", b'{"id": "q2"}', b'{"id": "\xff"}', b"[" * 100_000, json.dumps(ROW | {"x": 1}).encode()],
)
def test_a_malformed_line_is_refused_with_its_number(
    activities: RegistryActivities, examples: Examples, suite: Path, second: bytes
) -> None:
    good = json.dumps(ROW).encode()
    suite.write_bytes(b"\n".join([good, second, good]))
    with pytest.raises(InputRefused, match=r"SUITE_MALFORMED.*line 2"):
        activities.prepare_lifecycle(request(examples, str(suite)))


@pytest.mark.parametrize("name", ["absent.jsonl", ".", "nul\0"])
def test_a_suite_that_cannot_be_read_is_refused(
    activities: RegistryActivities, examples: Examples, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputRefused, match="SUITE_UNREADABLE"):
        activities.prepare_lifecycle(request(examples, f"{tmp_path}/{name}"))


def test_a_suite_that_lacks_a_task_is_refused_before_anything_is_trained(
    activities: RegistryActivities, examples: Examples, suite: Path
) -> None:
    rows = [row for row in whole_suite() if (row["split"], row["task"]) != ("select", "irrelevance")]
    suite.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputRefused, match=r"SUITE_MALFORMED.*: no irrelevance row in select"):
        activities.prepare_lifecycle(request(examples, str(suite)))


def test_an_empty_suite_is_refused(activities: RegistryActivities, examples: Examples, suite: Path) -> None:
    suite.write_bytes(b"")
    with pytest.raises(InputRefused, match="SUITE_MALFORMED"):
        activities.prepare_lifecycle(request(examples, str(suite)))


def test_an_unknown_stored_suite_is_not_found(activities: RegistryActivities, examples: Examples) -> None:
    with pytest.raises(NotFound, match="BLOB_UNKNOWN"):
        activities.prepare_lifecycle(request(examples, "blob:" + "0" * 64))


def test_a_retried_activity_does_its_work_once(
    activities: RegistryActivities, registry: Registry, examples: Examples
) -> None:
    incident = Incident(id="i1", tenant="acme", model="helpdesk", version=examples.sha("adapter"), reason="bad")
    cause = RootCause(actor="ann", cause="no replay", action="replay added")
    move = PointerMove(
        tenant="acme",
        model="helpdesk",
        stage="staging",
        target=examples.sha("adapter"),
        expected=None,
        actor="ann",
        reason="approved",
        key="promotion/1/staging",
    )
    for _ in range(2):
        activities.register_version(examples.case())
        assert activities.move_pointer(move).revision == 1
        activities.open_incident(incident)
    query = PointerQuery(tenant="acme", model="helpdesk", stage="staging")
    assert activities.read_pointer(query).target == examples.sha("adapter")
    assert registry.incidents.open_for("acme", "helpdesk") == (incident,)
    for _ in range(2):
        activities.close_incident(incident, cause)
    assert registry.incidents.open_for("acme", "helpdesk") == ()
    assert len(registry.versions.list()) == 1
    with pytest.raises(Conflict, match="POINTER_MOVED"):
        activities.move_pointer(move.model_copy(update={"key": "promotion/2/staging"}))

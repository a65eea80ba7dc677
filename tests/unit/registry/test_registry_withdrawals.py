"""What is withdrawn: everything that was made from a dataset, before or later, and nothing beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.contracts.errors import IntegrityRefused
from assay.contracts.promotion import PointerMove
from assay.contracts.rollout import Arm, Route, RouteTable
from registry import Registry

Examples = Any  # the class stands in conftest.py, which tests do not import
CASE = "acme.51d0e2aa17cc"


def routes(examples: Examples, revision: int, *adapters: str) -> RouteTable:
    arms = [Arm(name="stable", version=examples.sha(one), adapter=f"acme.{one}", percent=100) for one in adapters]
    of = zip(("helpdesk", "concierge"), arms, strict=False)
    made = (Route(tenant="acme", model=model, base=examples.base, arms=(arm,)) for model, arm in of)
    return RouteTable(revision=revision, routes=tuple(made))


def life(registry: Registry, examples: Examples, dataset: str, adapter: str, model: str) -> None:
    """From a source to a registered version, as a lifecycle enters it."""
    sha, link = examples.sha, registry.lineage.link
    link(sha("source"), sha(dataset), "screened as tickets", parent_kind="source", child_kind="dataset")
    intake = examples.intake().model_copy(update={"dataset": dataset})
    registry.datasets.add(examples.dataset(dataset), intake, examples.ref(f"ledger of {dataset}"), [examples.entry(1)])
    result, training = examples.run(adapter)
    shares = tuple(one.model_copy(update={"dataset": sha(dataset)}) for one in training.spec.datasets)
    spec = training.spec.model_copy(update={"datasets": shares})
    registry.runs.add(result, training.model_copy(update={"model": model, "spec": spec}))
    link(result.run_id, sha(f"stored {adapter}"), "stored", parent_kind="run", child_kind="checkpoint")
    registry.evaluations.add(*examples.evaluation(adapter))
    case = examples.case(adapter)
    card = case.card.model_copy(update={"card": examples.ref(f"card {adapter}")})
    request = case.request.model_copy(update={"model": model})
    registry.versions.add(case.model_copy(update={"request": request, "card": card}))


@pytest.fixture
def two(registry: Registry, examples: Examples) -> Registry:
    """Two models in production whose datasets are from one source and have one base."""
    life(registry, examples, "dataset", "adapter", "helpdesk")
    life(registry, examples, "sibling", "other", "concierge")
    table = routes(examples, 1, "adapter", "other")
    registry.routes.publish(table, key="k", actor="ann", reason="first", decision_id="d")
    return registry


def test_everything_that_was_made_from_a_dataset_is_withdrawn(two: Registry, examples: Examples) -> None:
    sha = examples.sha
    gone = two.withdrawals.withdraw(CASE, [sha("dataset")])
    assert {(one.kind, one.name) for one in gone} == {
        ("dataset", sha("dataset")),
        ("run", "acme.helpdesk.1.adapter"),
        ("checkpoint", sha("stored adapter")),
        ("adapter", sha("adapter")),
        ("adapter", sha("adapter 10")),
        ("report", sha("report adapter")),
        ("card", sha("card adapter")),
        ("version", "version:acme/helpdesk/1"),
        ("route", "route:1"),
    }
    assert {one.case for one in gone} == {CASE}
    assert two.datasets.get(sha("dataset")).quarantined
    assert two.versions.get(sha("adapter")).quarantined
    for one in gone:
        with pytest.raises(IntegrityRefused, match=f"ARTIFACT_WITHDRAWN.*{CASE}"):
            two.withdrawals.refuse(one.name)


def test_a_sibling_of_the_same_source_and_base_stays(two: Registry, examples: Examples) -> None:
    sha = examples.sha
    mine = [sha("sibling"), "acme.helpdesk.1.other", sha("stored other"), sha("other"), sha("report other")]
    mine += [sha("card other"), "version:acme/concierge/1", sha("source"), examples.base.digest, sha("suite")]
    two.withdrawals.withdraw(CASE, [sha("dataset")])
    assert two.withdrawals.of(mine) == ()
    for one in mine:
        two.withdrawals.refuse(one)
    assert not two.datasets.get(sha("sibling")).quarantined
    assert not two.versions.get(sha("other")).quarantined
    assert [one.name for one in two.withdrawals.by_kind("dataset")] == [sha("dataset")]


def test_withdrawn_again_nothing_changes_and_the_first_case_keeps_it(two: Registry, examples: Examples) -> None:
    first = two.withdrawals.withdraw(CASE, [examples.sha("dataset")])
    assert two.withdrawals.withdraw(CASE, [examples.sha("dataset")]) == first
    assert two.withdrawals.withdraw("acme.000000000001", [examples.sha("dataset")]) == first
    both = two.withdrawals.withdraw("acme.000000000001", [examples.sha("dataset"), examples.sha("sibling")])
    assert {one.name for one in both if one.case != CASE} == {
        examples.sha("sibling"),
        "acme.helpdesk.1.other",
        examples.sha("stored other"),
        examples.sha("other"),
        examples.sha("other 10"),
        examples.sha("report other"),
        examples.sha("card other"),
        "version:acme/concierge/1",
    }


def test_no_dataset_withdraws_nothing(two: Registry) -> None:
    assert two.withdrawals.withdraw(CASE, []) == ()
    assert two.withdrawals.by_kind("dataset") == ()


def test_what_is_made_from_it_later_is_withdrawn_from_its_beginning(registry: Registry, examples: Examples) -> None:
    registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), [examples.entry(1)])
    registry.runs.begin("acme.helpdesk.1.adapter", examples.run()[1])
    registry.withdrawals.withdraw(CASE, [examples.sha("dataset")])
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        registry.withdrawals.refuse("acme.helpdesk.1.adapter")
    registry.runs.add(*examples.run())
    registry.evaluations.add(*examples.evaluation())
    registry.versions.add(examples.case())
    found = {
        (one.kind, one.name) for kind in ("adapter", "report", "version") for one in registry.withdrawals.by_kind(kind)
    }
    assert found == {
        ("adapter", examples.sha("adapter")),
        ("adapter", examples.sha("adapter 10")),
        ("report", examples.sha("report adapter")),
        ("version", "version:acme/helpdesk/1"),
    }
    assert registry.versions.get(examples.sha("adapter")).quarantined


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_no_pointer_moves_to_it_and_one_moves_away(two: Registry, examples: Examples, stage: str) -> None:
    def move(target: str | None, expected: str | None, key: str) -> None:
        of = {"tenant": "acme", "model": "helpdesk", "stage": stage, "actor": "ann", "reason": "a test", "key": key}
        two.pointers.move(PointerMove.model_validate({**of, "target": target, "expected": expected}))

    adapter = examples.sha("adapter")
    move(adapter, None, "1")
    two.withdrawals.withdraw(CASE, [examples.sha("dataset")])
    move(None, adapter, "2")
    with pytest.raises(IntegrityRefused, match="ARTIFACT_WITHDRAWN"):
        move(adapter, None, "3")


def test_an_edge_that_is_written_meanwhile_is_withdrawn_too(
    registry: Registry, examples: Examples, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), [examples.entry(1)])
    dataset, runs = examples.sha("dataset"), [f"acme.helpdesk.{number}.run" for number in range(1, 7)]

    def begin(run: str) -> None:
        registry.lineage.link(dataset, run, "trained with", parent_kind="dataset", child_kind="run")

    def withdraw() -> None:
        registry.withdrawals.withdraw(CASE, [dataset])

    answers = all_at_once([withdraw, *(lambda run=run: begin(run) for run in runs)])  # type: ignore[misc]
    assert answers == [None] * 7
    assert [one.name for one in registry.withdrawals.by_kind("run")] == runs

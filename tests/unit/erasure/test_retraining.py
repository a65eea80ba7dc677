"""What would have to be trained again is a request that can be started, with what the last training took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from activities.erasure import resealing, retraining, withdrawing
from activities.erasure.activity import ErasureControl
from assay.contracts.erasure import NewDataset
from assay.contracts.training import Budget, DatasetChoice, Recipe
from assay.settings import Settings
from registry import Registry

from .made import BASE, in_production, trained
from .scene import OTHER as PERSON
from .scene import PER_CASE, SUBJECT, asks, job, seal, sha

FORMER, NEW, OTHER = sha(10), sha(11), sha(12)
REPLACED = (NewDataset(replaces=FORMER, dataset=NEW, version=2, rows=7),)


@pytest.fixture
def control(settings: Settings) -> Iterator[ErasureControl]:
    made = ErasureControl(settings)
    yield made
    made._registry.close()


def test_the_request_asks_for_the_next_version_on_the_new_dataset(registry: Registry, control: ErasureControl) -> None:
    recipe, budget = Recipe(max_steps=40, learning_rate=2e-3), Budget(max_device_minutes=600)
    trained(registry, OTHER, version=3)
    trained(registry, FORMER, OTHER, recipe=recipe, budget=budget)
    [planned] = retraining.plan(registry, job(), REPLACED)
    assert (planned.tenant, planned.model, planned.version) == ("acme", "helpdesk", 4)
    request = control.read_training_request(planned)
    assert request.datasets == (DatasetChoice(dataset=NEW, ratio=1), DatasetChoice(dataset=OTHER, ratio=0.5))
    assert (request.tenant, request.model, request.version) == ("acme", "helpdesk", 4)
    assert (request.base, request.template, request.purpose) == (BASE.digest, sha(1), "train-tenant-model")
    assert (request.recipe, request.budget, request.requested_by) == (recipe, budget, "pia")


def test_it_costs_what_the_steps_of_the_last_run_took(registry: Registry) -> None:
    trained(registry, FORMER, recipe=Recipe(max_steps=40))
    [planned] = retraining.plan(registry, job(), REPLACED)
    # Tokens over tokens a second, step by step (`activities.training.metrics`): 1200 / 400 + 1000 / 600, rounded.
    assert planned.seconds == 4.7
    assert (planned.steps, planned.tokens_per_second) == (40, 500.0)


@pytest.mark.parametrize("record", [b"no record", b"{}", None])
def test_it_costs_nobody_knows_what_without_the_record(registry: Registry, record: bytes | None) -> None:
    result = trained(registry, FORMER, record=record)
    if record is None:
        registry.blobs.remove(result.record)
    [planned] = retraining.plan(registry, job(), REPLACED)
    assert (planned.seconds, planned.tokens_per_second) == (None, 500.0)


def test_it_costs_nobody_knows_what_when_the_record_was_changed(registry: Registry) -> None:
    digest = trained(registry, FORMER).record.sha256.removeprefix("sha256:")
    obstore.put(registry.blobs._store, f"sha256/{digest[:2]}/{digest}", b'{"metrics": []}')
    [planned] = retraining.plan(registry, job(), REPLACED)
    assert (planned.seconds, planned.tokens_per_second) == (None, 500.0)


def test_the_newest_run_of_each_model_is_asked_for_again(registry: Registry, control: ErasureControl) -> None:
    for version, steps in ((1, 10), (2, 20)):
        trained(registry, FORMER, version=version, recipe=Recipe(max_steps=steps))
    trained(registry, FORMER, model="concierge", recipe=Recipe(max_steps=30))
    trained(registry, OTHER, model="elsewhere")
    planned = retraining.plan(registry, job(), REPLACED)
    assert [(one.model, one.version, one.steps) for one in planned] == [("concierge", 2, 30), ("helpdesk", 3, 20)]
    assert [control.read_training_request(one).recipe.max_steps for one in planned] == [30, 20]


def test_nothing_is_planned_when_nothing_of_the_dataset_is_left(registry: Registry, control: ErasureControl) -> None:
    trained(registry, FORMER)
    trained(registry, FORMER, OTHER, model="concierge")
    vanished = (NewDataset(replaces=FORMER, dataset=None),)
    [planned] = retraining.plan(registry, job(), vanished)
    assert planned.model == "concierge"
    assert control.read_training_request(planned).datasets == (DatasetChoice(dataset=OTHER, ratio=0.5),)


def test_a_share_that_another_case_withdrew_is_asked_for_in_its_newest_clean_version(
    registry: Registry, control: ErasureControl, tmp_path: Path
) -> None:
    rows = [(2, SUBJECT, "accepted", asks(PER_CASE)), (1, PERSON, "accepted", asks("a question of somebody else"))]
    first, second = (seal(registry, tmp_path, rows, name=name) for name in ("support", "sales"))
    trained(registry, first.id, second.id)
    one = job()
    withdrawing.withdraw(registry, one)
    new = {made.replaces: made for made in resealing.reseal(registry, one)}
    [planned] = retraining.plan(registry, job("acme.000000000001"), (new[first.id],))
    chosen = {choice.dataset for choice in control.read_training_request(planned).datasets}
    assert chosen == {new[first.id].dataset, new[second.id].dataset}


def test_a_share_that_another_case_withdrew_whole_is_left_out(
    registry: Registry, control: ErasureControl, tmp_path: Path
) -> None:
    dataset = seal(registry, tmp_path, [(2, SUBJECT, "accepted", asks(PER_CASE))])
    trained(registry, FORMER, dataset.id)
    withdrawing.withdraw(registry, job())
    [planned] = retraining.plan(registry, job("acme.000000000001"), REPLACED)
    assert [choice.dataset for choice in control.read_training_request(planned).datasets] == [NEW]


def test_the_recipe_that_was_in_production_is_asked_for_again_not_a_newer_one_that_was_rolled_back(
    registry: Registry,
) -> None:
    served = trained(registry, FORMER, version=1, recipe=Recipe(max_steps=40))
    trained(registry, FORMER, version=2, recipe=Recipe(max_steps=12))
    in_production(registry, served)
    [planned] = retraining.plan(registry, job(), REPLACED)
    assert (planned.version, planned.steps) == (3, 40)

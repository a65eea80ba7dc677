"""Names become digests, among the tenant's own only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.registry import pinning
from assay.contracts.errors import NotFound
from assay.contracts.evaluation import EvaluationRequest
from assay.contracts.promotion import PromotionRequest
from assay.contracts.rollout import RolloutRequest
from assay.contracts.training import DatasetChoice, TrainingRequest
from registry import BaseRecord, Registry

Examples = Any  # the class stands in conftest.py, which tests do not import
WHO: dict[str, Any] = {"tenant": "acme", "model": "helpdesk", "version": 1, "requested_by": "ann"}


@pytest.fixture
def record(registry: Registry, examples: Examples) -> Registry:
    """A registry in which one version has gone the whole way."""
    template = examples.sha("template")
    registry.bases.add(
        BaseRecord(pin=examples.base, licence="Apache-2.0", path="base", template=template, max_context=2048)
    )
    registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), [examples.entry(1)])
    registry.runs.add(*examples.run())
    registry.evaluations.add(*examples.evaluation())
    registry.versions.add(examples.case())
    return registry


def training(**changes: Any) -> TrainingRequest:
    asked = {"base": "acme/base", "datasets": (DatasetChoice(dataset="support/1"),), **WHO, **changes}
    return TrainingRequest(**asked)


@pytest.fixture
def suite(tmp_path: Path, suite_rows: list[dict[str, Any]]) -> str:
    path = tmp_path / "suite.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in suite_rows), "utf-8")
    return str(path)


def test_a_training_by_name_is_pinned(record: Registry, examples: Examples) -> None:
    pinned = pinning.pin_training(record, training())
    assert pinned.spec.base == examples.base
    assert pinned.spec.template == examples.sha("template")
    assert [share.dataset for share in pinned.spec.datasets] == [examples.sha("dataset")]


def test_names_and_digests_pin_the_same(record: Registry, examples: Examples) -> None:
    by_digest = training(
        base=examples.base.digest,
        datasets=(DatasetChoice(dataset=examples.sha("dataset")),),
        template=examples.sha("template"),
    )
    assert pinning.pin_training(record, by_digest) == pinning.pin_training(record, training())


def test_an_evaluation_takes_the_newest_run_of_its_version(record: Registry, examples: Examples, suite: str) -> None:
    record.runs.add(*examples.run("later"))
    pinned = pinning.pin_evaluation(record, EvaluationRequest(suite=suite, **WHO))
    assert pinned.candidates == examples.run("later")[0].candidates
    named = EvaluationRequest(suite=suite, run="acme.helpdesk.1.adapter", **WHO)
    assert pinning.pin_evaluation(record, named).candidates == examples.run()[0].candidates


def test_a_promotion_takes_what_is_on_record(record: Registry, examples: Examples) -> None:
    pinned = pinning.pin_promotion(record, PromotionRequest(**WHO))
    assert (pinned.training, pinned.evaluation) == (examples.run()[0], examples.evaluation()[0])
    assert (pinned.base, pinned.datasets) == (examples.base, (examples.sha("dataset"),))


def test_a_rollout_takes_the_version_of_its_number(record: Registry, examples: Examples) -> None:
    pinned = pinning.pin_rollout(record, RolloutRequest(**WHO))
    assert (pinned.target, pinned.base) == (examples.sha("adapter"), examples.base)
    by_digest = RolloutRequest(target=examples.sha("adapter"), **WHO)
    assert pinning.pin_rollout(record, by_digest) == pinned


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        (lambda r, who: pinning.pin_training(r, training(**who)), "DATASET_UNKNOWN"),
        (lambda r, who: pinning.pin_promotion(r, PromotionRequest(**WHO | who)), "RUN_UNKNOWN"),
        (
            lambda r, who: pinning.pin_promotion(r, PromotionRequest(run="acme.helpdesk.1.adapter", **WHO | who)),
            "RUN_UNKNOWN",
        ),
        (lambda r, who: pinning.pin_rollout(r, RolloutRequest(**WHO | who)), "VERSION_UNKNOWN"),
    ],
)
def test_another_tenants_is_not_found(
    record: Registry, pin: Callable[[Registry, dict[str, str]], object], code: str
) -> None:
    with pytest.raises(NotFound, match=code):
        pin(record, {"tenant": "globex"})


def test_a_report_about_another_run_is_not_found(record: Registry, examples: Examples) -> None:
    record.runs.add(*examples.run("later"))
    with pytest.raises(NotFound, match="REPORT_UNKNOWN"):
        pinning.pin_promotion(record, PromotionRequest(**WHO))
    record.evaluations.add(*examples.evaluation("later"))
    pinned = pinning.pin_promotion(record, PromotionRequest(**WHO))
    assert pinned.evaluation.report == examples.ref("report later")


def test_a_dataset_version_that_was_never_sealed_is_not_found(record: Registry) -> None:
    with pytest.raises(NotFound, match="DATASET_UNKNOWN"):
        pinning.pin_training(record, training(datasets=(DatasetChoice(dataset="support/2"),)))

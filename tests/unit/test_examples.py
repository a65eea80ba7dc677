"""The inputs to start from are inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.contracts.base import Message
from assay.contracts.data import IntakeRequest
from assay.contracts.erasure import ErasureRequest
from assay.contracts.evaluation import EvaluationRequest
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.promotion import PromotionRequest
from assay.contracts.retention import RetentionRequest
from assay.contracts.review import ReviewRequest
from assay.contracts.rollout import RolloutRequest
from assay.contracts.training import TrainingRequest
from examples.demo import plan
from workflows import FROM_OUTSIDE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REQUESTS: dict[str, type[Message]] = {
    "lifecycle": LifecycleRequest,
    "intake": IntakeRequest,
    "training": TrainingRequest,
    "evaluation": EvaluationRequest,
    "promotion": PromotionRequest,
    "rollout": RolloutRequest,
    "datareview": ReviewRequest,
    "retention": RetentionRequest,
    "erasure": ErasureRequest,
}


@pytest.mark.parametrize("workflow", [workflow.__name__.lower() for workflow in FROM_OUTSIDE])
def test_every_workflow_has_an_input_to_start_from(workflow: str) -> None:
    document = (EXAMPLES / f"{workflow}.json").read_text("utf-8")
    assert REQUESTS[workflow].model_validate_json(document)


def test_the_readme_calls_the_models_that_its_own_commands_make() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    made = LifecycleRequest.model_validate_json((EXAMPLES / "lifecycle.json").read_text("utf-8"))
    assert made.tenant == plan.TENANT
    assert f"`assay keys create {plan.TENANT}`" in readme
    assert (
        f'model="{plan.MODEL}",   # after `make demo`; "{made.model}" once the life of examples/lifecycle.json'
        in readme
    )

"""The whole way: from sources to production, as one request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import BasePin, Digest, Message, Person, Reference, Slug, Version
from assay.contracts.data import Dataset, Purpose, Source
from assay.contracts.promotion import ApprovalRules
from assay.contracts.rollout import RolloutPlan
from assay.contracts.training import Budget, Recipe


class LifecycleRequest(Message):
    """Take one version of one tenant's model from sources to production."""

    tenant: Slug
    model: Slug
    version: Version
    base: str = Field(description="repository of a registered base model")
    dataset: Slug
    sources: tuple[Source, ...] = Field(min_length=1, max_length=200)
    purpose: Purpose = "train-tenant-model"
    recipe: Recipe = Recipe()
    budget: Budget = Budget()
    suite: str = Field(description="path, file URL or blob:<hex> of the evaluation suite (JSONL)")
    approval: ApprovalRules = ApprovalRules()
    rollout: RolloutPlan = RolloutPlan()
    requested_by: Person


class Preparation(Message):
    """What a lifecycle pins before its first step."""

    base: BasePin
    template: Digest
    suite: Reference


class LifecycleStatus(Message):
    """Where a lifecycle stands, as its `status` query answers. `child` is the workflow to look at.

    `waiting` is for the workflow in `waits_for`: for its turn to be promoted, or for a dataset that is being screened.
    """

    stage: Literal[
        "preparing",
        "waiting",
        "intake",
        "training",
        "evaluation",
        "promotion",
        "rollout",
        "production",
        "refused",
        "rolled back",
        "failed",
    ] = "preparing"
    held: bool = False
    child: str | None = None
    waits_for: str | None = None
    dataset: Dataset | None = None
    version: Digest | None = None
    reasons: tuple[str, ...] = ()


@activity.defn
def prepare_lifecycle(request: LifecycleRequest) -> Preparation:
    """Resolve the base model and the template in the registry and store the suite.

    Raises NotFound (`BASE_UNKNOWN`), InputRefused (`SUITE_MALFORMED`).
    """
    raise NotImplementedError

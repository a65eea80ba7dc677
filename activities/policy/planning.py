"""What a request would draw and what the training gate would say of it, before anything is built.

Of a lifecycle whose dataset is not sealed yet the sources are read, and the intake gate is asked which rows it would
take by the terms that they state and the language that they are in. Scanning can only take more of them away, so the
plan says that it is an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

from activities.data.dpia import read_assessment
from activities.data.expected import Expected, expected
from activities.data.manifest import licence_terms
from activities.data.mixes import Ingredient, mix_plan
from activities.data.verdicts import Question
from activities.policy.asking import Asks
from activities.policy.facts import stated, training_facts
from activities.registry.pinning import pin_training
from assay.contracts.data import Source
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import NotFound
from assay.contracts.lifecycle import LifecycleRequest
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import IntakeKey
from assay.contracts.training import (
    DatasetChoice,
    DatasetShare,
    MixPlan,
    PinnedTraining,
    RunSpec,
    TrainingRequest,
)
from registry import Registry


@dataclass(frozen=True)
class Planned:
    """A plan, and the question to the training gate about it. `plan` is None where a dataset says too little.

    `expected` is there of an estimate: what an intake would take of the sources.
    """

    plan: MixPlan | None
    facts: dict[str, Any]
    expected: Expected | None = None

    @property
    def estimated(self) -> bool:
        """Whether the dataset is not sealed yet."""
        return self.expected is not None


def planned(registry: Registry, request: TrainingRequest | LifecycleRequest, gate: Asks, public_key: Path) -> Planned:
    """The intake gate is asked where the dataset is not sealed yet; `public_key` verifies assessments of its sources.

    Raises NotFound (`BASE_UNKNOWN`, `DATASET_UNKNOWN`, `SOURCE_UNREADABLE`), InputRefused (a malformed source),
    IntegrityRefused (an assessment that does not verify), PolicyUndefined, Unavailable.
    """
    if isinstance(request, TrainingRequest):
        return _sealed(registry, request)
    try:
        registry.datasets.named(request.tenant, request.dataset, request.version)
    except NotFound:
        key = IntakeKey(
            tenant=request.tenant, dataset=request.dataset, version=request.version, purpose=request.purpose
        )
        now = datetime.now(UTC)

        def question(source: Source) -> Question:
            return Question(gate, key, source, read_assessment(source, registry.blobs, public_key), now)

        queue = ReviewQueue(tenant=key.tenant, dataset=key.dataset, purpose=key.purpose)
        released = registry.quarantine.released(queue)
        each = [expected(question(source), released) for source in request.sources]
        return _expected(registry, request, reduce(Expected.and_, each))
    return _sealed(registry, _training(request))


def _sealed(registry: Registry, request: TrainingRequest) -> Planned:
    pinned = pin_training(registry, request)
    return Planned(pinned.plan, training_facts(registry, pinned))


def _training(request: LifecycleRequest) -> TrainingRequest:
    """What the lifecycle asks for once its dataset is sealed."""
    shared = request.model_dump(
        include={"tenant", "model", "version", "base", "recipe", "budget", "purpose", "requested_by"}
    )
    return TrainingRequest(**shared, datasets=(DatasetChoice(dataset=f"{request.dataset}/{request.version}"),))


def _expected(registry: Registry, request: LifecycleRequest, found: Expected) -> Planned:
    # A name for what has none yet; nothing is looked up by it.
    name = request.content_digest()
    base = registry.bases.find(request.base)
    spec = RunSpec(
        base=base.pin,
        datasets=(DatasetShare(dataset=name),),
        template=base.template,
        recipe=request.recipe,
        budget=request.budget,
    )
    pinned = PinnedTraining(
        tenant=request.tenant,
        model=request.model,
        version=request.version,
        spec=spec,
        purpose=request.purpose,
        requested_by=request.requested_by,
    )
    plan = mix_plan(request.recipe, [Ingredient(name, 1.0, found.groups)])
    return Planned(plan, stated(registry, pinned, [_dataset(request, name, found.groups)], plan), found)


def _dataset(request: LifecycleRequest, name: str, groups: tuple[RowGroup, ...]) -> dict[str, Any]:
    rows = sum(group.rows for group in groups)
    synthetic = sum(group.rows for group in groups if group.synthetic_depth)
    return {
        "id": name,
        "tenant": request.tenant,
        "purpose": request.purpose,
        "accepted": rows > 0,
        "sealed": True,
        "quarantined": False,
        "licences": licence_terms(groups),
        "synthetic_share": round(synthetic / rows, 6) if rows else None,
    }

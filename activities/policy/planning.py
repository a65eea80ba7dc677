"""What a request would draw and what the training gate would say of it, before anything is built.

Of a lifecycle whose dataset is not sealed yet the sources are read: rows are counted as if all of them entered, by the
terms that they state. Screening can only take rows away, so the plan says that it is an estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from activities.data.facts import terms_of
from activities.data.licences import normalise
from activities.data.manifest import licence_terms
from activities.data.mixes import Ingredient, mix_plan
from activities.data.readers import read_rows, source_digest
from activities.policy.facts import stated, training_facts
from activities.registry.pinning import pin_training
from assay.contracts.data import Source
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import InputRefused, NotFound
from assay.contracts.lifecycle import LifecycleRequest
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
    """A plan, and the question to the training gate about it. `plan` is None where a dataset says too little."""

    plan: MixPlan | None
    facts: dict[str, Any]
    estimated: bool = False


def planned(registry: Registry, request: TrainingRequest | LifecycleRequest) -> Planned:
    """Raises NotFound (`BASE_UNKNOWN`, `DATASET_UNKNOWN`, `SOURCE_UNREADABLE`), InputRefused (a malformed source)."""
    if isinstance(request, TrainingRequest):
        return _sealed(registry, request)
    try:
        registry.datasets.named(request.tenant, request.dataset, request.version)
    except NotFound:
        return _expected(registry, request)
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


def _expected(registry: Registry, request: LifecycleRequest) -> Planned:
    groups = tuple(group for source in request.sources for group in expected_groups(source))
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
    plan = mix_plan(request.recipe, [Ingredient(name, 1.0, groups)])
    return Planned(plan, stated(registry, pinned, [_dataset(request, name, groups)], plan), estimated=True)


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


def expected_groups(source: Source) -> Iterable[RowGroup]:
    """Rows of a source by what they state, as they stand there; those whose licence cannot be read would be refused.

    Raises as `read_rows` does.
    """
    licence, found = normalise(source.licence), Counter[tuple[str, str]]()
    for read in read_rows(source, source_digest(source)):
        try:
            found[terms_of(read.row, source, licence).licence.expression, read.row.kind] += 1
        except InputRefused:
            continue
    for (expression, kind), rows in sorted(found.items()):
        yield RowGroup(
            source=source.name,
            licence=expression,
            tier=source.tier,
            synthetic_depth=source.synthetic_depth,
            kind=kind,
            rows=rows,
        )

"""Names become digests: what a workflow was asked for, resolved once in the registry before anything is done.

Everything is looked up among the tenant's own: another tenant's run, report or dataset is not found.
"""

from __future__ import annotations

from activities.data.mixes import plan_of
from activities.registry.suites import store_suite
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.evaluation import EvaluationRequest, PinnedEvaluation
from assay.contracts.promotion import PinnedPromotion, PromotionRequest
from assay.contracts.rollout import PinnedRollout, RolloutRequest
from assay.contracts.training import DatasetShare, MixPlan, PinnedTraining, RunSpec, TrainingRequest
from registry import Registry, RunRecord, VersionRecord


def pin_training(registry: Registry, request: TrainingRequest) -> PinnedTraining:
    """Raises NotFound (`BASE_UNKNOWN`, `DATASET_UNKNOWN`)."""
    base = registry.bases.find(request.base)
    shares = tuple(
        DatasetShare(dataset=_dataset(registry, request.tenant, choice.dataset), ratio=choice.ratio)
        for choice in request.datasets
    )
    spec = RunSpec(
        base=base.pin,
        datasets=shares,
        template=request.template or base.template,
        recipe=request.recipe,
        budget=request.budget,
    )
    return PinnedTraining(
        tenant=request.tenant,
        model=request.model,
        version=request.version,
        spec=spec,
        purpose=request.purpose,
        requested_by=request.requested_by,
        plan=_plan(registry, spec),
    )


def pin_evaluation(registry: Registry, request: EvaluationRequest) -> PinnedEvaluation:
    """Raises NotFound (`RUN_UNKNOWN`), InputRefused (`SUITE_MALFORMED`, `SUITE_UNREADABLE`)."""
    run = _run(registry, request)
    return PinnedEvaluation(
        tenant=request.tenant,
        model=request.model,
        version=request.version,
        base=run.request.spec.base,
        template=run.request.spec.template,
        suite=store_suite(request.suite, registry.blobs),
        candidates=run.result.candidates,
        requested_by=request.requested_by,
    )


def pin_promotion(registry: Registry, request: PromotionRequest) -> PinnedPromotion:
    """Raises NotFound (`RUN_UNKNOWN`, `REPORT_UNKNOWN`)."""
    run = _run(registry, request)
    adapters = [candidate.adapter for candidate in run.result.candidates]
    evaluation = registry.evaluations.about(request.tenant, request.model, adapters, report=request.report)
    return PinnedPromotion(
        tenant=request.tenant,
        model=request.model,
        version=request.version,
        base=run.request.spec.base,
        datasets=tuple(share.dataset for share in run.request.spec.datasets),
        training=run.result,
        evaluation=evaluation.result,
        purpose=request.purpose,
        rules=request.rules,
        requested_by=request.requested_by,
    )


def pin_rollout(registry: Registry, request: RolloutRequest) -> PinnedRollout:
    """Raises NotFound (`VERSION_UNKNOWN`)."""
    version = _version(registry, request)
    return PinnedRollout(
        tenant=request.tenant,
        model=request.model,
        version=request.version,
        target=version.digest,
        base=version.base,
    )


def _plan(registry: Registry, spec: RunSpec) -> MixPlan | None:
    """For people to see. The gate makes its own from the record, and refuses where none can be made."""
    try:
        return plan_of(registry, spec)
    except (NotFound, IntegrityRefused):
        return None


def _dataset(registry: Registry, tenant: str, name: str) -> str:
    if name.startswith("sha256:"):
        return name  # the training gate says what it may be used for, and refuses what is unknown
    dataset, _, version = name.partition("/")
    return registry.datasets.named(tenant, dataset, int(version)).dataset.id


def _run(registry: Registry, request: EvaluationRequest | PromotionRequest) -> RunRecord:
    if request.run is None:
        return registry.runs.newest(request.tenant, request.model, request.version)
    run = registry.runs.get(request.run)
    if (run.request.tenant, run.request.model) != (request.tenant, request.model):
        raise NotFound("RUN_UNKNOWN", f"no finished run {request.run} of this model", "see `assay runs`")
    return run


def _version(registry: Registry, request: RolloutRequest) -> VersionRecord:
    if request.target is None:
        return registry.versions.numbered(request.tenant, request.model, request.version)
    return registry.versions.get(request.target, tenant=request.tenant, model=request.model)

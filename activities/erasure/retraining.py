"""What would have to be trained again, as requests that can be started, with what the last training took."""

from __future__ import annotations

import json

from assay.contracts.erasure import CaseJob, NewDataset, Retraining
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.training import DatasetChoice, TrainingRequest
from registry import Registry
from registry.runs import RunRecord


def plan(registry: Registry, job: CaseJob, datasets: tuple[NewDataset, ...]) -> tuple[Retraining, ...]:
    """One request for every model of which a run was withdrawn. Raises Unavailable.

    Made from the run whose version was in production last, since a newer one may have been refused or rolled back; from
    the newest where none was.
    """
    new = {one.replaces: one.dataset for one in datasets}
    affected: dict[tuple[str, str], list[RunRecord]] = {}
    for record in registry.runs.list():
        if any(share.dataset in new for share in record.request.spec.datasets):
            affected.setdefault((record.request.tenant, record.request.model), []).append(record)
    chosen = (_in_production(registry, name, runs) or runs[0] for name, runs in sorted(affected.items()))
    planned = (_plan(registry, job, record, new) for record in chosen)
    return tuple(one for one in planned if one)


def _in_production(registry: Registry, name: tuple[str, str], runs: list[RunRecord]) -> RunRecord | None:
    events = registry.pointers.events(*name)
    targets = [event.target for event in reversed(events) if event.stage == "production"]
    run_of = {one.digest: one.request.training.run_id for one in registry.versions.list(tenant=name[0], model=name[1])}
    by_id = {record.result.run_id: record for record in runs}
    return next((by_id[run] for one in targets if one and (run := run_of.get(one)) in by_id), None)


def _plan(registry: Registry, job: CaseJob, record: RunRecord, new: dict[str, str | None]) -> Retraining | None:
    run, spec = record.request, record.request.spec
    shares = [(_now(registry, share.dataset, new), share.ratio) for share in spec.datasets]
    choices = tuple(DatasetChoice(dataset=dataset, ratio=ratio) for dataset, ratio in shares if dataset)
    if not choices:
        return None
    numbers = [one.request.version for one in registry.runs.list(tenant=run.tenant, model=run.model)]
    request = TrainingRequest(
        tenant=run.tenant,
        model=run.model,
        version=max(numbers) + 1,
        base=spec.base.digest,
        datasets=choices,
        template=spec.template,
        recipe=spec.recipe,
        budget=spec.budget,
        purpose=run.purpose,
        requested_by=job.request.requested_by,
    )
    return Retraining(
        tenant=run.tenant,
        model=run.model,
        version=request.version,
        request=registry.blobs.put(request.model_dump_json().encode()),
        steps=spec.recipe.max_steps,
        seconds=_seconds(registry, record),
        tokens_per_second=record.result.tokens_per_second,
    )


def _now(registry: Registry, dataset: str, new: dict[str, str | None]) -> str | None:
    """What stands in for a dataset; also where another case withdrew it. None where nothing of it is clean."""
    if dataset in new:
        return new[dataset]
    if not registry.withdrawals.of([dataset]):
        return dataset
    named = registry.datasets.get(dataset).request
    versions = registry.datasets.all_named(named.tenant, named.dataset)
    return next((one.dataset.id for one in versions if not one.quarantined), None)


def _seconds(registry: Registry, record: RunRecord) -> float | None:
    """What its steps took, by its own record; None where that is gone or damaged."""
    try:
        steps = json.loads(registry.blobs.get(record.result.record))["metrics"]
    except (NotFound, IntegrityRefused, ValueError, KeyError):
        return None
    return float(round(sum(one["tokens"] / one["tokens_per_second"] for one in steps if one["tokens_per_second"]), 1))

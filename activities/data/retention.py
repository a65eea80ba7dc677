"""When rows expire: by their source's days, from the first seal of what they are in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any

from temporalio import activity

from assay.contracts.base import Digest
from assay.contracts.errors import NotFound
from assay.contracts.retention import HoldsOn, RetentionNote, RetentionPlan, RetentionRequest, SourceTerm
from assay.settings import Settings
from registry import Registry
from registry.retention import Seal


def plan(request: RetentionRequest, registry: Registry) -> RetentionPlan:
    """Terms of all sources of all seals of a version, entered once. What an erasure sealed starts no clock anew.

    Raises NotFound (`DATASET_UNKNOWN`), IntegrityRefused, Unavailable.
    """
    found = _wanted(request, registry)
    replaced = _replacements(registry, request.tenant, found.request.dataset)
    newer = {old: new for new, old in replaced.items()}
    origin = _end(found.dataset.id, replaced)
    seals = registry.retention.seals(request.tenant, found.request.dataset)
    version = registry.datasets.get(origin).request.version
    plans = {
        seal.id: _plan(registry, seal, newer)
        for seal in seals
        if seal.id not in replaced and registry.datasets.get(seal.id).request.version == version
    }
    mine = plans.pop(origin)
    return mine.model_copy(update={"others": tuple(plans.values())})


def _plan(registry: Registry, origin: Seal, newer: dict[Digest, Digest]) -> RetentionPlan:
    first = registry.datasets.get(origin.id).request
    terms = (
        SourceTerm(source=source.name, expires_at=origin.sealed_at + timedelta(days=source.retention_days))
        for source in first.sources
    )
    registry.retention.enter(origin.id, first.tenant, first.dataset, first.version, terms)
    current = _end(origin.id, newer)
    return RetentionPlan(origin=origin.id, current=current, sources=registry.retention.of(origin.id))


def _wanted(request: RetentionRequest, registry: Registry) -> Any:  # noqa: ANN401  # a DatasetRecord
    if request.id is None:
        return registry.datasets.named(request.tenant, request.dataset, request.version)
    record = registry.datasets.get(request.id)
    if (record.request.tenant, record.request.dataset) != (request.tenant, request.dataset):
        raise NotFound(
            "DATASET_UNKNOWN",
            f"{request.tenant}/{request.dataset} has no seal of this digest",
            f"`assay data list {request.tenant}` has name, version and digest of each",
        )
    return record


def _replacements(registry: Registry, tenant: str, name: str) -> dict[Digest, Digest]:
    """Dataset -> the one that it was sealed in the place of, by what its manifest says."""
    found = {}
    for seal in registry.retention.seals(tenant, name):
        try:
            manifest = json.loads(registry.blobs.get(registry.datasets.get(seal.id).dataset.manifest))
        except NotFound:
            continue  # destroyed whole
        if isinstance(old := manifest.get("replaces"), str):
            found[seal.id] = old
    return found


def holds_on(registry: Registry, tenant: str, dataset: str, source: str | None) -> HoldsOn:
    """What `held` of the removal's case will say: on the dataset, its tenant, or people of these rows."""
    found = (*registry.holds.on(tenant, (), (dataset,)), *registry.holds.on_rows(tenant, dataset, source))
    return HoldsOn(holds=tuple(dict.fromkeys(hold.id for hold in found)))


def _end(start: Digest, steps: dict[Digest, Digest]) -> Digest:
    seen = {start}
    while (step := steps.get(start)) is not None and step not in seen:
        seen.add(start := step)
    return start


class RetentionActivities:
    """Shell over this module; opens the registry at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.plan_retention, self.note_retention, self.read_retention_holds]

    @activity.defn(name="plan_retention", no_thread_cancel_exception=True)
    def plan_retention(self, request: RetentionRequest) -> RetentionPlan:
        """See `assay.contracts.retention.plan_retention`."""
        return plan(request, self._registry)

    @activity.defn(name="note_retention", no_thread_cancel_exception=True)
    def note_retention(self, note: RetentionNote) -> None:
        """See `assay.contracts.retention.note_retention`."""
        self._registry.retention.note(note)

    @activity.defn(name="read_retention_holds", no_thread_cancel_exception=True)
    def read_retention_holds(self, tenant: str, dataset: str, source: str | None = None) -> HoldsOn:
        """See `assay.contracts.retention.read_retention_holds`."""
        return holds_on(self._registry, tenant, dataset, source)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

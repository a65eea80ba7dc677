"""When rows expire: by their source's days, from the first seal of what they are in; and what is left of them now."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from itertools import dropwhile
from typing import Any, Literal

from temporalio import activity

from assay.contracts.base import Digest, Message, Slug
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.names import retention_id
from assay.contracts.retention import HoldsOn, Keeping, RetentionNote, RetentionPlan, RetentionRequest, SourceTerm
from assay.settings import Settings
from registry import DatasetRecord, Registry
from registry.retention import Seal


def plan(request: RetentionRequest, registry: Registry) -> RetentionPlan:
    """Terms of all sources of all seals of a version, entered once. What an erasure sealed starts no clock anew.

    Raises NotFound (`DATASET_UNKNOWN`), IntegrityRefused, Unavailable.
    """
    found = _wanted(request, registry)
    every = _seals(registry, request.tenant, found.request.dataset)
    replaced = _replacements(registry, every)
    newer = _newer(replaced, every)
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


class Standing(Message):
    """The term of one source of a dataset as it stands now; `current` holds what erasures left of the dataset."""

    dataset: Digest
    tenant: str
    name: str
    version: int
    source: Slug
    expires_at: datetime
    state: Keeping | Literal["erased"]
    current: Digest
    current_version: int


def standing(registry: Registry, tenant: str | None = None) -> tuple[Standing, ...]:
    """All terms, the first to expire first; `erased` where an erasure destroyed the rows and left nothing in their
    place. Raises IntegrityRefused, Unavailable."""
    terms = registry.retention.list(tenant)
    known = _current(registry, {term.dataset for term in terms})
    there = registry.shards.all_readable(one.ledger for one in known.values() if one.quarantined)
    found = []
    for term in terms:
        current = known.get(term.dataset)
        erased = current is not None and current.quarantined and current.ledger.sha256 not in there
        fields = term.model_dump() | {
            "state": "erased" if erased and term.state != "removed" else term.state,
            "current": current.dataset.id if current else term.dataset,
            "current_version": current.request.version if current else term.version,
        }
        found.append(Standing.model_validate(fields))
    return tuple(found)


def _current(registry: Registry, origins: Collection[Digest]) -> dict[Digest, DatasetRecord]:
    """What holds the rows of datasets with terms now, by theirs.

    Manifests are read of what may be in the place of a withdrawn one: it was sealed after it, and has no term of its
    own (`plan`).
    """
    known = registry.datasets.among(origins)
    withdrawn = {id_ for id_, one in known.items() if one.quarantined}
    names = {(known[id_].request.tenant, known[id_].request.dataset) for id_ in withdrawn}
    later: dict[Digest, DatasetRecord] = {}
    for seals in registry.datasets.all_of(names).values():
        since = dropwhile(lambda one: one.dataset.id not in withdrawn, seals)
        later |= {one.dataset.id: one for one in since if one.dataset.id not in known}
    newer = _newer(_replacements(registry, later.values()), later.values())
    every = known | later
    return known | {id_: every[_end(id_, newer)] for id_ in withdrawn}


def timed(registry: Registry, tenant: str, name: str, version: int) -> DatasetRecord:
    """The newest seal of a version that has a time of its own: what an erasure sealed has that of the first seal.

    Raises NotFound (`DATASET_UNKNOWN`), Conflict (`RETENTION_COVERED`).
    """
    newest = registry.datasets.named(tenant, name, version)
    replaced = _replacements(registry, _seals(registry, tenant, name))
    for record in registry.datasets.all_named(tenant, name):
        if record.request.version == version and record.dataset.id not in replaced:
            return record
    first = registry.datasets.get(_end(newest.dataset.id, replaced)).request.version
    timer = retention_id(tenant, name, first)
    raise Conflict(
        "RETENTION_COVERED",
        f"an erasure sealed {tenant}/{name}/{version} in the place of version {first}, whose timer {timer} covers it",
        f"nothing to do while that one runs; else begin it: `assay retention start {tenant}/{name}/{first}`",
    )


def _plan(registry: Registry, origin: Seal, newer: dict[Digest, Digest]) -> RetentionPlan:
    first = registry.datasets.get(origin.id).request
    terms = (
        SourceTerm(source=source.name, expires_at=origin.sealed_at + timedelta(days=source.retention_days))
        for source in first.sources
    )
    registry.retention.enter(origin.id, first.tenant, first.dataset, first.version, terms)
    current = _end(origin.id, newer)
    return RetentionPlan(origin=origin.id, current=current, sources=registry.retention.of(origin.id))


def _wanted(request: RetentionRequest, registry: Registry) -> DatasetRecord:
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


def _seals(registry: Registry, tenant: str, name: str) -> Collection[DatasetRecord]:
    return registry.datasets.all_of({(tenant, name)}).get((tenant, name), [])


def _replacements(registry: Registry, seals: Iterable[DatasetRecord]) -> dict[Digest, Digest]:
    """Dataset -> the one that it was sealed in the place of, by what its manifest says; in the order of the seals."""
    found = {}
    for seal in seals:
        try:
            manifest = json.loads(registry.blobs.get(seal.dataset.manifest))
        except NotFound:
            continue  # destroyed whole
        if isinstance(old := manifest.get("replaces"), str):
            found[seal.dataset.id] = old
    return found


def _newer(replaced: dict[Digest, Digest], seals: Iterable[DatasetRecord]) -> dict[Digest, Digest]:
    """Dataset -> what was sealed in its place. Two cases at once may have done so, of which one misses the other's
    person and is withdrawn for it: the one in use counts, else one that was replaced in its turn, else the newest."""
    live, again = {one.dataset.id for one in seals if not one.quarantined}, set(replaced.values())
    ordered = sorted(replaced.items(), key=lambda pair: (pair[0] in live, pair[0] in again))
    return {old: new for new, old in ordered}


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

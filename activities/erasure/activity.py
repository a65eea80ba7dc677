"""Erasure activities: thin shells over `activities.erasure`, one class for each worker that serves some of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from temporalio import activity

from activities.erasure import (
    mentions,
    receipt,
    replacing,
    resealing,
    retraining,
    second_search,
    shredding,
    withdrawing,
)
from activities.erasure.probe import read_probe
from activities.erasure.under_way import UnderWay, told_by_temporal
from activities.heartbeat import beating
from activities.policy.client import PolicyClient
from activities.serving.activity import ServingActivities
from assay.contracts.erasure import (
    CaseDone,
    CaseJob,
    ConfirmJob,
    Found,
    Held,
    NewDataset,
    Receipt,
    Reminder,
    Replaced,
    Retraining,
    Shredded,
    Withdrawn,
)
from assay.contracts.errors import AssayError, NotFound
from assay.contracts.policy import Decision
from assay.contracts.remains import UNDER_WAY, Remains
from assay.contracts.rollout import WarmJob
from assay.contracts.training import TrainingRequest
from assay.settings import Settings
from assay.telemetry import meters
from registry import Registry, VersionRecord
from serving.adapters import AdapterStore
from serving.routes import carries

audit = logging.getLogger("assay.audit.erasures")


class _Opened:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _registry(self) -> Registry:
        return Registry.open(self._settings)

    @cached_property
    def _policy(self) -> PolicyClient:
        return PolicyClient(self._settings.opa, self._registry.blobs)


class ErasureControl(_Opened):
    """Of the control worker, which has the signing key."""

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [
            self.decide_erasure,
            self.read_holds,
            self.decide_mentions,
            self.confirm_rows,
            self.plan_retraining,
            self.read_training_request,
            self.write_receipt,
            self.remind_erasure,
        ]

    @activity.defn(name="decide_erasure", no_thread_cancel_exception=True)
    def decide_erasure(self, job: CaseJob) -> Decision:
        """See `assay.contracts.erasure.decide_erasure`."""
        decision = self._policy.decide("erasure", facts(self._registry, job)).decision
        self._registry.decisions.add(decision, None)
        return decision

    @activity.defn(name="read_holds", no_thread_cancel_exception=True)
    def read_holds(self, job: CaseJob) -> Held:
        """See `assay.contracts.erasure.read_holds`."""
        return shredding.held(self._registry, job)

    @activity.defn(name="decide_mentions", no_thread_cancel_exception=True)
    def decide_mentions(self, job: ConfirmJob) -> Decision:
        """See `assay.contracts.erasure.decide_mentions`."""
        decision = self._policy.decide("mentions", mentions.facts(self._registry, job)).decision
        self._registry.decisions.add(decision, None)
        return decision

    @activity.defn(name="confirm_rows", no_thread_cancel_exception=True)
    def confirm_rows(self, job: ConfirmJob) -> Found:
        """See `assay.contracts.erasure.confirm_rows`."""
        confirmed, request = job.confirmed, job.job.request
        if request.suppress:
            # Only rows of the case: whatever else is named would be refused by intake from then on.
            rows = sorted(self._registry.erasures.undecided(job.job.case) & {*confirmed.rows})
            hashes = [one.removeprefix("sha256:") for one in rows]
            self._registry.suppression.add(request.tenant, hashes, job.job.case)
        return self._registry.erasures.confirm(job.job.case, confirmed.rows, confirmed.others)

    @activity.defn(name="plan_retraining", no_thread_cancel_exception=True)
    def plan_retraining(self, job: CaseJob, datasets: tuple[NewDataset, ...]) -> tuple[Retraining, ...]:
        """See `assay.contracts.erasure.plan_retraining`."""
        return retraining.plan(self._registry, job, datasets)

    @activity.defn(name="read_training_request", no_thread_cancel_exception=True)
    def read_training_request(self, planned: Retraining) -> TrainingRequest:
        """See `assay.contracts.erasure.read_training_request`."""
        return TrainingRequest.model_validate_json(self._registry.blobs.get(planned.request))

    @activity.defn(name="write_receipt", no_thread_cancel_exception=True)
    def write_receipt(self, done: CaseDone) -> Receipt:
        """See `assay.contracts.erasure.write_receipt`."""
        key = self._settings.home / "keys" / "signing.pem"
        return Receipt(reference=receipt.write(self._registry, done, key))

    @activity.defn(name="remind_erasure", no_thread_cancel_exception=True)
    def remind_erasure(self, reminder: Reminder) -> None:
        """See `assay.contracts.erasure.remind_erasure`."""
        case, left = reminder.job.case, reminder.days_left
        meters.REMINDERS.add(about="erasure")
        said = f"{left:.1f} days are left" if left > 0 else f"it is {abs(left):.1f} days late"
        audit.warning("case %s is %s: %s", case, reminder.stage, said)


class ErasureData(_Opened):
    """Of the data worker, which reads rows."""

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.reseal_datasets, self.shred_rows, self.search_stores]

    @activity.defn(name="reseal_datasets")
    def reseal_datasets(self, job: CaseJob) -> tuple[NewDataset, ...]:
        """See `assay.contracts.erasure.reseal_datasets`."""
        with beating():
            return resealing.reseal(self._registry, job)

    @activity.defn(name="shred_rows")
    def shred_rows(self, job: CaseJob, withdrawn: Withdrawn) -> Shredded:
        """See `assay.contracts.erasure.shred_rows`."""
        with beating():
            return shredding.shred(self._registry, job, withdrawn, self._settings.home)

    @activity.defn(name="search_stores")
    def search_stores(self, job: CaseJob) -> Remains:
        """See `assay.contracts.erasure.search_stores`."""
        with beating():
            probe, learnt = read_probe(self._registry, job), shredding.withdrawn_blobs(self._registry, job)
            remains = second_search.search(self._registry, probe, self._settings.home, learnt=learnt)
            folders = shredding.run_folders(self._registry, job, self._settings.home)
            return remains.model_copy(update={"found": (*remains.found, *folders)})


class ErasureServing(_Opened):
    """Of the serving worker, which reaches gateways and engines."""

    def __init__(self, settings: Settings, serving: ServingActivities, under_way: UnderWay = told_by_temporal) -> None:
        super().__init__(settings)
        self._serving, self._under_way = serving, under_way

    def all(self) -> list[Callable[..., Any]]:
        """The activities a worker registers."""
        return [self.withdraw_rows, self.replace_routes, self.search_serving]

    @activity.defn(name="withdraw_rows")
    async def withdraw_rows(self, job: CaseJob) -> Withdrawn:
        """See `assay.contracts.erasure.withdraw_rows`. Engines do not wait for a gateway that is down."""
        begun = time.perf_counter()
        done = await asyncio.to_thread(withdrawing.withdraw, self._registry, job)
        told, unloaded = await asyncio.gather(
            self._serving.gateways.refresh(done.revision), self._unload(done), return_exceptions=True
        )
        for answer in (told, unloaded):
            if isinstance(answer, BaseException):
                raise answer
        took = (time.perf_counter() - begun) * 1000
        return done.model_copy(update={"gateways": told, "unloaded": unloaded, "milliseconds": took})

    @activity.defn(name="replace_routes")
    async def replace_routes(self, job: CaseJob, withdrawn: Withdrawn) -> tuple[Replaced, ...]:
        """See `assay.contracts.erasure.replace_routes`."""
        replaced = []
        for model in withdrawn.models:
            replaced.append(await replacing.replace(self._registry, self._policy, job, model, self._warm))
        if replaced:
            await self._serving.gateways.refresh(max(one.revision for one in replaced))
        return tuple(replaced)

    @activity.defn(name="search_serving")
    async def search_serving(self, job: CaseJob) -> Remains:
        """See `assay.contracts.erasure.search_serving`. In engines and routes: all that is withdrawn, of any case."""
        working = await asyncio.to_thread(withdrawing.working, self._registry, job)
        begun = await self._under_way(working)
        gone = {one.name for one in await asyncio.to_thread(self._registry.withdrawals.by_kind, "adapter")}
        held = await asyncio.gather(*(self._held(number) for number in range(len(self._serving.engines))))
        found = [f"engine {n}: does not answer" for n, names in enumerate(held) if names is None]
        found += [f"{UNDER_WAY}{name}" for name in begun]
        found += [f"engine {n}: {name}" for n, names in enumerate(held) for name in names or () if carries(name, gone)]
        table = await asyncio.to_thread(self._registry.routes.current)
        await self._serving.gateways.refresh(table.revision)
        arms = [arm for route in table.routes for arm in (*route.arms, *([route.shadow] if route.shadow else ()))]
        used = {arm.version for arm in arms if arm.version}
        found += [f"route to {digest}" for digest in sorted(used & gone)]
        store = AdapterStore(self._settings.home, self._registry.blobs)
        found += [f"adapter on disk: {digest}" for digest in sorted(gone) if store.path(digest).exists()]
        return Remains(searched=("activities", "engines", "gateways", "adapters on disk"), found=tuple(found))

    async def _warm(self, version: VersionRecord) -> None:
        job = WarmJob(tenant=version.tenant, model=version.model, base=version.base, version=version.digest)
        await self._serving.warm_version(job)

    async def _unload(self, done: Withdrawn) -> int:
        """From all engines at once, so that none waits for one that is slow, or that keeps what it holds."""
        gone = {one.name for one in done.artifacts if one.kind == "adapter"}
        if not gone:
            return 0
        engines = range(len(self._serving.engines))
        counts = await asyncio.gather(*(self._unload_from(n, gone) for n in engines), return_exceptions=True)
        unloaded = 0
        for count in counts:
            if isinstance(count, BaseException):
                raise count
            unloaded += count
        return unloaded

    async def _unload_from(self, number: int, gone: set[str]) -> int:
        names = [name for name in await self._held(number) or () if carries(name, gone)]
        for name in names:
            await self._serving.engines[number].unload(name)
        return len(names)

    async def _held(self, number: int) -> list[str] | None:
        """None of an engine that does not answer: taking back does not wait for it, but no receipt clears it either."""
        try:
            return sorted(await self._serving.engines[number].loaded())
        except AssayError as error:
            audit.warning("engine %d does not say what it holds: %s", number, error)
            return None


def facts(registry: Registry, job: CaseJob) -> dict[str, Any]:
    """Input document of the erasure gate. Whose rows they are is not told: only that hashes name them.

    `dataset_tenant` is whose the named dataset is; None where none is named, and where nobody knows it.
    """
    request = job.request
    owner = None
    if request.dataset is not None:
        with suppress(NotFound):
            owner = registry.datasets.get(request.dataset).request.tenant
    return {
        "case": job.case,
        "tenant": request.tenant,
        "tenant_known": registry.names.knows(request.tenant),
        "ground": request.ground,
        "role": request.role,
        "requested_by": request.requested_by,
        "selects": {
            "subject": request.subject is not None,
            "mentions": len(request.mentions),
            "dataset": request.dataset,
        },
        "dataset_tenant": owner,
        "deadline_days": request.deadline.total_seconds() / 86400,
        "retrain": request.retrain,
    }

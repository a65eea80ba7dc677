"""Sources are read, scanned, compared and decided shard by shard, and sealed into one governed dataset."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.base import Reference
    from assay.contracts.data import IntakeProgress, IntakeRequest, IntakeStatus, RowCounts, Source
    from assay.contracts.datasheet import DatasheetJob, write_datasheet
    from assay.contracts.screening import (
        MOST_CLEARED,
        MOST_SHARDS,
        ClearJob,
        CompareJob,
        DecidedShard,
        DecideJob,
        IntakeKey,
        PlanJob,
        RawShard,
        ScanJob,
        ScannedShard,
        ScreenedSource,
        SealJob,
        SourcePlan,
        clear_stage,
        compare_shards,
        decide_shard,
        plan_source,
        scan_shard,
        seal_dataset,
    )
    from workflows.after_intake import begin_retention, begin_review
    from workflows.common import DATA, committed, each_of, failure, given, reason_of, settled, stand
    from workflows.owner_approval import owner_approves

T = TypeVar("T")
Staged = list[tuple[Source, SourcePlan, RawShard]]


@workflow.defn(name="Intake", versioning_behavior=VersioningBehavior.PINNED)
class Intake:
    """One dataset from its sources. The same request gives the same dataset id.

    What a shard's activity answered is on record, so that nothing is scanned twice whoever is killed.
    """

    @workflow.init
    def __init__(self, request: IntakeRequest | None = None) -> None:
        self._asked = request
        self._status = IntakeStatus(sources_total=len(request.sources) if request else 0)
        self._staged: list[Reference] = []
        self._unsealed: list[Reference] = []
        self._reads = False
        self._phase_began = workflow.now()

    @workflow.run
    async def run(self, request: IntakeRequest | None = None) -> IntakeStatus:  # noqa: ARG002  # __init__ keeps it
        wanted = self._request
        stand("screening", f"0 of {len(wanted.sources)} sources", tenant=wanted.tenant, dataset=wanted.dataset)
        try:
            await self._owners()
            await self._seal(await self._screened())
            self._unsealed.clear()
            await self._describe()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed")
            stand("failed", reason_of(error))
            raise failure(error) from error
        finally:
            await self._clear()
        return self._status

    @workflow.query
    def status(self) -> IntakeStatus:
        """Where this intake stands."""
        return self._status

    @property
    def _request(self) -> IntakeRequest:
        return given(self._asked)

    @property
    def _key(self) -> IntakeKey:
        return IntakeKey.of(self._request)

    async def _owners(self) -> None:
        """Wait for the owners whose approval a source demands, before a byte of any source is read."""
        for source in self._request.sources:
            if source.approval != "none":
                self._set(stage="awaiting owner")
            try:
                await owner_approves(self._request, source)
            except ApplicationError as error:
                self._set(stage="refused")
                stand("refused", reason_of(error))
                raise
        self._set(stage="screening")

    async def _screened(self) -> list[ScreenedSource]:
        plans = await self._read()
        staged = [
            (source, plan, shard)
            for source, plan in zip(self._request.sources, plans, strict=True)
            for shard in plan.shards
        ]
        lanes = max(plan.lanes for plan in plans) + 1  # one more, which fetches while the others scan
        found = await self._each("scanning", staged, lanes, lambda at: self._scan(*staged[at]))
        repeats = await self._compare(found, tuple(shard.content for _, _, shard in staged))
        jobs = [
            DecideJob(
                intake=self._key,
                source=source,
                admitted=plan.admitted,
                shard=shard,
                found=one.found,
                repeats=again,
            )
            for (source, plan, shard), one, again in zip(staged, found, repeats, strict=True)
        ]
        decided = iter(await self._each("deciding", staged, lanes, lambda at: self._decide(jobs[at])))
        return [
            ScreenedSource(
                source=plan.source,
                digest=plan.digest,
                admitted=plan.admitted,
                shards=tuple(next(decided) for _ in plan.shards),
            )
            for plan in plans
        ]

    async def _read(self) -> list[SourcePlan]:
        """Each source to its end: nothing is scanned while another may turn out to be malformed."""
        plans: list[SourcePlan] = []
        self._reads = True
        self._phase("reading", 0)
        for source in self._request.sources:
            job = PlanJob(intake=self._key, source=source)
            plan = await settled(workflow.execute_activity(plan_source, job, **DATA, summary=f"read {source.name}"))
            plans.append(plan)
            self._staged += [shard.content for shard in plan.shards]
            rows = sum(plan.rows for plan in plans)
            self._advance(rows, rows)
            self._set(sources_done=len(plans))
        if len(self._staged) > MOST_SHARDS:
            self._set(stage="refused")
            raise ApplicationError(
                f"the sources have {len(self._staged)} shards, and an intake has at most {MOST_SHARDS}",
                {"remedy": "split the sources over several datasets, or raise ASSAY_SCANNING__SHARD_ROWS"},
                type="INTAKE_TOO_LARGE",
                non_retryable=True,
            )
        return plans

    async def _scan(self, source: Source, plan: SourcePlan, shard: RawShard) -> ScannedShard:
        job = ScanJob(intake=self._key, source=source.name, shard=shard, suites=self._request.suites)
        summary = f"scan {source.name} {shard.number + 1}/{len(plan.shards)}"
        scanned = await workflow.execute_activity(scan_shard, job, **DATA, summary=summary)
        self._staged.append(scanned.found)
        return scanned.model_copy(update={"admitted": plan.admitted})

    async def _compare(self, found: Sequence[ScannedShard], raw: tuple[Reference, ...]) -> tuple[Reference | None, ...]:
        self._phase("comparing", sum(one.rows for one in found))
        job = CompareJob(intake=self._key, shards=tuple(found), raw=raw)
        compared = await settled(workflow.execute_activity(compare_shards, job, **DATA, summary="compare the rows"))
        self._staged += [one for one in compared.repeats if one is not None]
        return compared.repeats

    async def _decide(self, job: DecideJob) -> DecidedShard:
        summary = f"decide {job.source.name} {job.shard.number + 1}"
        decided = await workflow.execute_activity(decide_shard, job, **DATA, summary=summary)
        self._staged += [decided.ledger, decided.decisions]
        self._unsealed += [one for one in (decided.rows, decided.quarantined) if one is not None]
        self._set(counts=RowCounts.total((self._status.counts, decided.counts)))
        return decided

    async def _each(
        self, phase: str, staged: Staged, lanes: int, work: Callable[[int], Coroutine[Any, Any, T]]
    ) -> list[T]:
        """Work on every shard, some of them at once, and tell how far it is."""
        total, done = sum(shard.rows for _, _, shard in staged), 0
        self._phase(phase, total)

        async def one(at: int) -> T:
            nonlocal done
            answer = await work(at)
            done += staged[at][2].rows
            self._advance(done, total)
            return answer

        return await settled(each_of([partial(one, at) for at in range(len(staged))], lanes))

    async def _seal(self, screened: list[ScreenedSource]) -> None:
        self._phase("sealing", self._status.counts.read)
        stand("sealing")
        job = SealJob(request=self._request, screened=tuple(screened))
        try:
            # What is entered is entered with its lineage, its decisions and its clock: a cancellation comes too late.
            await committed(self._sealed(job))
        except ActivityError as error:
            # Nothing entered, and still rows may wait for somebody who lets them in.
            if isinstance(error.cause, ApplicationError) and error.cause.type == "DATASET_EMPTY":
                await self._review()
            raise
        await self._review()

    async def _sealed(self, job: SealJob) -> None:
        dataset = await workflow.execute_activity(seal_dataset, job, **DATA, summary="write the manifest")
        self._set(stage="sealed", dataset=dataset, counts=dataset.counts)
        self._advance(dataset.counts.read, dataset.counts.read)
        stand("sealed", f"{dataset.counts.accepted} rows, {dataset.id}", digest=dataset.id)
        await begin_retention(self._request, dataset)

    async def _review(self) -> None:
        if self._status.counts.quarantined:
            await begin_review(self._request)

    async def _describe(self) -> None:
        """The dataset is sealed whatever becomes of its sheet, which can be made again at any time."""
        dataset = self._status.dataset
        assert dataset is not None
        job = DatasheetJob(dataset=dataset.id)
        try:
            files = await settled(workflow.execute_activity(write_datasheet, job, **DATA, summary="write its sheet"))
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            stand("sealed", f"{dataset.counts.accepted} rows, {dataset.id}; no sheet: {reason_of(error)}")
            return
        self._set(datasheet=files.markdown)

    async def _clear(self) -> None:
        """Destroy what was staged, also what no activity lived to tell of, which is found by the intake's name.

        A cancellation waits for it: rows would lie there that nobody knows of.
        """
        staged, unsealed = self._staged, self._unsealed
        most = max(len(staged), len(unsealed), 1 if self._reads else 0)
        for start in range(0, most, MOST_CLEARED):
            part = slice(start, start + MOST_CLEARED)
            job = ClearJob(intake=self._key, staged=tuple(staged[part]), unsealed=tuple(unsealed[part]))
            await committed(workflow.execute_activity(clear_stage, job, **DATA, summary="clear the stage"))

    def _phase(self, phase: str, total: int) -> None:
        self._phase_began = workflow.now()
        self._set(progress=IntakeProgress.at(phase, 0, total, 0))

    def _advance(self, done: int, total: int) -> None:
        seconds = (workflow.now() - self._phase_began).total_seconds()
        progress = IntakeProgress.at(self._status.progress.phase, done, total, seconds)
        self._set(progress=progress)
        # No search attribute: that would be an event a shard.
        workflow.set_current_details(f"**{progress.phase}** {done} of {total} rows")

    def _set(self, **changes: Any) -> None:  # noqa: ANN401  # fields of the status
        self._status = self._status.model_copy(update=changes)

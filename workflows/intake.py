"""Sources are screened row by row and sealed into one governed dataset."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.data import (
        IntakeRequest,
        IntakeStatus,
        RowCounts,
        ScreenedSource,
        ScreenJob,
        SealJob,
        screen_source,
        seal_dataset,
    )
    from assay.contracts.datasheet import DatasheetJob, write_datasheet
    from workflows.common import DATA, failure, given, reason_of, settled, stand
    from workflows.owner_approval import owner_approves


@workflow.defn(name="Intake", versioning_behavior=VersioningBehavior.PINNED)
class Intake:
    """One dataset from its sources. The same request gives the same dataset id."""

    @workflow.init
    def __init__(self, request: IntakeRequest | None = None) -> None:
        self._asked = request
        self._status = IntakeStatus(sources_total=len(request.sources) if request else 0)

    @workflow.run
    async def run(self, request: IntakeRequest | None = None) -> IntakeStatus:  # noqa: ARG002  # __init__ keeps it
        wanted = self._request
        stand("screening", f"0 of {len(wanted.sources)} sources", tenant=wanted.tenant, dataset=wanted.dataset)
        try:
            await self._owners()
            screened = [await self._screen(i) for i in range(len(wanted.sources))]
            await self._seal(screened)
            if workflow.patched("a sealed dataset gets its sheet"):
                await self._describe()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._status = self._status.model_copy(update={"stage": "failed"})
            stand("failed", reason_of(error))
            raise failure(error) from error
        return self._status

    @workflow.query
    def status(self) -> IntakeStatus:
        """Where this intake stands."""
        return self._status

    @property
    def _request(self) -> IntakeRequest:
        return given(self._asked)

    async def _owners(self) -> None:
        """Wait for the owners whose approval a source demands, before a byte of any source is read."""
        for source in self._request.sources:
            if source.approval != "none":
                self._status = self._status.model_copy(update={"stage": "awaiting owner"})
            try:
                await owner_approves(self._request, source)
            except ApplicationError as error:
                self._status = self._status.model_copy(update={"stage": "refused"})
                stand("refused", reason_of(error))
                raise
        self._status = self._status.model_copy(update={"stage": "screening"})

    async def _screen(self, index: int) -> ScreenedSource:
        request, source = self._request, self._request.sources[index]
        job = ScreenJob(tenant=request.tenant, dataset=request.dataset, purpose=request.purpose, source=source)
        screened = await settled(workflow.execute_activity(screen_source, job, **DATA, summary=f"screen {source.name}"))
        counts = RowCounts.total((self._status.counts, screened.counts))
        self._status = self._status.model_copy(update={"sources_done": index + 1, "counts": counts})
        stand("screening", f"{index + 1} of {len(request.sources)} sources, {counts.accepted} rows accepted")
        return screened

    async def _seal(self, screened: list[ScreenedSource]) -> None:
        stand("sealing")
        job = SealJob(request=self._request, screened=tuple(screened))
        dataset = await settled(workflow.execute_activity(seal_dataset, job, **DATA, summary="write the manifest"))
        self._status = self._status.model_copy(update={"stage": "sealed", "dataset": dataset, "counts": dataset.counts})
        stand("sealed", f"{dataset.counts.accepted} rows, {dataset.id}", digest=dataset.id)

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
        self._status = self._status.model_copy(update={"datasheet": files.markdown})

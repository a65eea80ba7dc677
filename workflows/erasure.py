"""Rows are withdrawn from use at once, destroyed when no hold stops it, searched for again, and a receipt is signed."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.datasheet import DatasheetJob, write_datasheet
    from assay.contracts.erasure import (
        CaseDone,
        CaseJob,
        ConfirmJob,
        Counted,
        ErasureRequest,
        ErasureStatus,
        MentionsConfirmed,
        Reminder,
        Retraining,
        Shredded,
        StopNotice,
        Withdrawn,
        confirm_rows,
        decide_erasure,
        decide_mentions,
        plan_retraining,
        read_holds,
        remind_erasure,
        replace_routes,
        reseal_datasets,
        search_serving,
        search_stores,
        shred_rows,
        withdraw_rows,
        write_receipt,
    )
    from assay.contracts.erasure_totals import also_found, also_shredded, also_withdrawn, counted
    from assay.contracts.remains import UNDER_WAY, Remains
    from workflows.common import (
        CONTROL,
        DATA,
        SERVING,
        code_of,
        failure,
        given,
        reason_of,
        refuse_if,
        refused,
        settled,
        stand,
    )
    from workflows.retraining import retrain

LONGEST_LOOK = timedelta(hours=6)
"""Between two looks whether a legal hold was lifted, when nobody says so."""
SHEET = timedelta(minutes=1)
"""In which a sheet is written, or not."""
IN_USE = timedelta(minutes=1)
"""After which a removal is tried again of what the second search still finds, when nothing else is new."""


@workflow.defn(name="Erasure", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Erasure:
    """One case. Its input names nobody: a person is a keyed hash (`assay erase hash`)."""

    @workflow.init
    def __init__(self, request: ErasureRequest | None = None) -> None:
        self._asked = request
        self._case = ""
        self._opened = workflow.now()
        deadline = self._opened + request.deadline if request else None
        self._status = ErasureStatus(deadline=deadline)
        self._decision_id = ""
        self._found: tuple[Counted, ...] = ()
        self._withdrawn: Withdrawn | None = None
        self._shredded: Shredded | None = None
        self._confirmed: list[MentionsConfirmed] = []
        self._stopped: set[str] = set()
        self._removing = False
        self._look_again = False

    @workflow.run
    async def run(self, request: ErasureRequest | None = None) -> ErasureStatus:  # noqa: ARG002  # __init__ keeps it
        mark = hashlib.sha256(workflow.info().run_id.encode()).hexdigest()[:12]
        self._case = f"{self._request.tenant}.{mark}"
        self._set(stage="deciding", case=self._case)
        reminders = asyncio.create_task(self._remind())
        try:
            if await self._permitted():
                await self._work()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        finally:
            reminders.cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.query
    def status(self) -> ErasureStatus:
        """Where this erasure stands."""
        return self._status

    @workflow.update
    async def confirm_mentions(self, confirmed: MentionsConfirmed) -> ErasureStatus:
        """Say which rows that mention the person are about them; they go as soon as this waits for it.

        Raises with the gate's code.
        """
        job = ConfirmJob(job=self._job, confirmed=confirmed)
        try:
            decision = await workflow.execute_activity(decide_mentions, job, **CONTROL, summary="ask the mentions gate")
        except ActivityError as error:
            raise failure(error) from error
        if not decision.allow:
            raise refused(decision)
        # While the gate was asked another word may have been the last one, and all that is left is to sign.
        refuse_if(None if self._removing else self._nothing_waits())
        self._confirmed.append(confirmed)
        return self._status

    @confirm_mentions.validator
    def _may_confirm(self, confirmed: MentionsConfirmed) -> None:
        refuse_if(self._nothing_waits())
        if confirmed.case != self._case:
            refuse_if(f"this is case {self._case}")
        if not confirmed.rows and not confirmed.others:
            refuse_if("name rows that are about this person, or rows that are not")

    @workflow.signal
    def look_again(self) -> None:
        """A hold was lifted, or something that stood in the way is gone."""
        self._look_again = True

    def _nothing_waits(self) -> str | None:
        found = self._status.found
        mentioned = counted(found).mentioned
        waiting = found.mentioned_waiting or mentioned.kept or mentioned.aside
        return None if waiting else "no row waits for a confirmation"

    @property
    def _request(self) -> ErasureRequest:
        return given(self._asked)

    @property
    def _job(self) -> CaseJob:
        me = workflow.info().workflow_id
        return CaseJob(case=self._case, workflow=me, request=self._request, decision_id=self._decision_id)

    async def _permitted(self) -> bool:
        decision = await settled(
            workflow.execute_activity(decide_erasure, self._job, **CONTROL, summary="ask the erasure gate")
        )
        self._decision_id = decision.decision_id
        if not decision.allow:
            reasons = tuple(f"{v.code}: {v.msg} (remedy: {v.remedy})" for v in decision.violations)
            self._set(stage="refused", reasons=reasons)
        return decision.allow

    async def _work(self) -> None:
        await self._remove_all()
        await self._prove()

    async def _remove_all(self) -> None:
        """And the rows that a reviewer confirms, until none waits and every word that was taken is acted on."""
        self._removing = True
        await self._remove()
        while self._confirmed or not self._nothing_waits():
            self._set(stage="awaiting confirmation")
            await workflow.wait_condition(lambda: bool(self._confirmed))
            while self._confirmed:
                await self._confirm(self._confirmed.pop(0))
            await self._remove()
        self._removing = False

    async def _confirm(self, confirmed: MentionsConfirmed) -> None:
        job = ConfirmJob(job=self._job, confirmed=confirmed)
        found = await settled(
            workflow.execute_activity(confirm_rows, job, **CONTROL, summary="take rows into the case")
        )
        self._set(found=found)

    async def _remove(self) -> None:
        """Unservable first; everything slower after it."""
        self._set(stage="withdrawing")
        withdrawn = await settled(
            workflow.execute_activity(withdraw_rows, self._job, **SERVING, summary="find, quarantine, flip the routes")
        )
        self._found = also_found(self._found, withdrawn.found)
        self._withdrawn = also_withdrawn(self._withdrawn, withdrawn)
        first = self._status.unservable_milliseconds
        took = withdrawn.milliseconds if first is None else first
        self._set(found=withdrawn.found, artifacts=len(withdrawn.artifacts), unservable_milliseconds=took)
        await self._stop(withdrawn)
        await self._replace(withdrawn)
        await self._destroy(withdrawn)

    async def _stop(self, withdrawn: Withdrawn) -> None:
        """Whoever works on the same lineage; those that ended do not mind."""
        self._set(stage="stopping")
        notice = StopNotice(case=self._case)
        await asyncio.gather(*(self._tell(one, notice) for one in withdrawn.workflows))

    async def _tell(self, workflow_id: str, notice: StopNotice) -> None:
        with suppress(FailureError):
            await workflow.get_external_workflow_handle(workflow_id).signal("stop_for_erasure", notice)
            self._stopped.add(workflow_id)

    async def _replace(self, withdrawn: Withdrawn) -> None:
        self._set(stage="replacing")
        replaced = await settled(
            workflow.execute_activity(
                replace_routes, args=[self._job, withdrawn], **SERVING, summary="bring the clean versions back"
            )
        )
        known = {(one.tenant, one.model): one for one in (*self._status.replaced, *replaced) if one.withdrawn}
        self._set(replaced=tuple(known[name] for name in sorted(known)))

    async def _destroy(self, withdrawn: Withdrawn) -> None:
        while True:
            await self._not_held()
            self._set(stage="destroying", holds=())
            made = await settled(
                workflow.execute_activity(
                    reseal_datasets, self._job, **DATA, summary="seal the datasets without the rows"
                )
            )
            try:
                gone = await settled(
                    workflow.execute_activity(
                        shred_rows, args=[self._job, withdrawn], **DATA, summary="destroy keys, weights, samples"
                    )
                )
                break
            except ActivityError as error:
                if code_of(error) != "ERASURE_HELD":
                    raise
        self._shredded = also_shredded(self._shredded, gone)
        known = {one.replaces: one for one in (*self._status.datasets, *made)}
        self._set(datasets=tuple(known[name] for name in sorted(known)))

    async def _not_held(self) -> None:
        """Unservable is not destroyed: a legal hold stops here, and says so."""
        pause = timedelta(minutes=1)
        before = workflow.patched("a hold that is lifted while holds are read is not waited for")
        while True:
            self._look_again = self._look_again and not before
            held = await settled(workflow.execute_activity(read_holds, self._job, **CONTROL, summary="legal holds"))
            if not held.holds:
                return
            self._set(stage="held", holds=held.holds)
            self._look_again = self._look_again and before
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._look_again, timeout=pause, timeout_summary="legal hold")
            pause = min(pause * 2, LONGEST_LOOK)

    async def _prove(self) -> None:
        retraining, datasets = await self._plan(), self._status.datasets
        self._set(stage="verifying", retraining=retraining)
        if workflow.patched("what is sealed again gets its sheet before the last search"):
            await self._describe()
        remains = await self._search()
        if self._status.datasets != datasets:
            retraining = await self._plan()
            self._set(retraining=retraining)
        job = CaseDone(
            job=self._job,
            found=self._found,
            withdrawn=given(self._withdrawn).model_copy(update={"workflows": tuple(sorted(self._stopped))}),
            replaced=self._status.replaced,
            shredded=self._shredded,
            datasets=self._status.datasets,
            retraining=retraining,
            remains=remains,
            opened=self._opened,
            closed=workflow.now(),
        )
        receipt = await settled(workflow.execute_activity(write_receipt, job, **CONTROL, summary="sign the receipt"))
        if self._request.retrain:
            retraining = await retrain(self._status.retraining)
        self._set(stage="erased", receipt=receipt.reference, retraining=retraining, remains=(), reasons=())

    async def _describe(self) -> None:
        """Sheets of what was sealed again, or none: one can be made at any time, and a case does not wait for long."""
        made = sorted({one.dataset for one in self._status.datasets if one.dataset})
        await asyncio.gather(*map(self._sheet, made))

    async def _sheet(self, dataset: str) -> None:
        job = DatasheetJob(dataset=dataset, once=True)
        try:
            await settled(
                workflow.execute_activity(
                    write_datasheet, job, **DATA, schedule_to_close_timeout=SHEET, summary="write its sheet"
                )
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("no sheet of %s: %s", dataset, reason_of(error))

    async def _plan(self) -> tuple[Retraining, ...]:
        return await settled(
            workflow.execute_activity(
                plan_retraining, args=[self._job, self._status.datasets], **CONTROL, summary="what to train again"
            )
        )

    async def _search(self) -> Remains:
        """Until nothing is found: what still runs may hold a copy, and is being stopped. What does not go is shown."""
        removed: tuple[str, ...] = ()
        pause, at, worked = timedelta(seconds=2), self._opened, False
        while True:
            stores, serving = await self._look()
            found = (*stores.found, *serving.found)
            searched = (*stores.searched, *serving.searched)
            works = any(one.startswith(UNDER_WAY) for one in serving.found)
            # Whoever has ended since the last look may have stored something after the last removal.
            ended, worked = worked and not works, works
            if not found and not ended:
                return stores.model_copy(update={"searched": searched})
            left = f"{len(found)} places still hold something" if found else "who was still at work has just ended"
            self._set(remains=found, reasons=(f"ERASURE_INCOMPLETE: {left}",))
            if found != removed or ended or self._wants_removal(at):
                self._look_again = False
                await self._remove_all()
                removed, at = found, workflow.now()
                self._set(stage="verifying")
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._look_again, timeout=pause, timeout_summary="search again")
            pause = min(pause * 2, LONGEST_LOOK)

    async def _look(self) -> tuple[Remains, Remains]:
        """Stores and what serves. Whoever is still at work is asked for first: what has ended stores nothing after."""

        async def serving() -> Remains:
            return await settled(
                workflow.execute_activity(search_serving, self._job, **SERVING, summary="search what runs and serves")
            )

        async def stores() -> Remains:
            return await settled(
                workflow.execute_activity(search_stores, self._job, **DATA, summary="search the stores")
            )

        if workflow.patched("stores are searched when it is known who is still at work"):
            first = await serving()
            return await stores(), first
        return await asyncio.gather(stores(), serving())

    def _wants_removal(self, last: datetime) -> bool:
        """Whether what was removed and is found all the same is to be removed once more: a word of somebody may help,
        and so may time, when it was in use before. Else searching is enough, and what is new is another find."""
        if self._look_again or workflow.now() - last >= IN_USE:
            return True
        return not workflow.patched("a find that persists is searched for, and removed less often")

    async def _remind(self) -> None:
        """Time passes whatever this waits for; when it is up, the work goes on and is late."""
        deadline = self._opened + self._request.deadline
        for after in (*sorted(one for one in self._request.reminders if one < self._request.deadline), None):
            at = self._opened + after if after else deadline
            await workflow.sleep(max(at - workflow.now(), timedelta(0)), summary="reminder" if after else "deadline")
            left = (deadline - workflow.now()).total_seconds() / 86400
            self._set(reminders=self._status.reminders + (after is not None), overdue=after is None)
            told = Reminder(job=self._job, stage=self._status.stage, days_left=left)
            with suppress(ActivityError):
                await workflow.execute_activity(remind_erasure, told, **CONTROL, summary="say how much time is left")

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        s = self._status
        late = "late, " if s.overdue else ""
        stand(s.stage, f"{late}case {s.case}. {'; '.join((*s.holds, *s.reasons))}", tenant=self._request.tenant)

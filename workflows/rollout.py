"""A staged version meets live traffic: shadow, canary steps, production; or back, and then a root cause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from assay.contracts.promotion import (
        Hold,
        PointerMove,
        PointerMoved,
        PointerQuery,
        Release,
        move_pointer,
        read_pointer,
    )
    from assay.contracts.rollout import (
        Analysis,
        AnalysisJob,
        CanaryStep,
        Incident,
        RolloutRequest,
        RolloutState,
        RolloutStatus,
        RootCause,
        RouteChange,
        RoutesPublished,
        WarmJob,
        analyse_canary,
        close_incident,
        cool_version,
        open_incident,
        permit_routes,
        pin_rollout,
        publish_routes,
        warm_version,
    )
    from workflows import common
    from workflows.common import CONTROL, SERVING, committed, failure, given, reason_of, refuse_if, settled, stand
    from workflows.stopping import Stoppable

NOT_HELD = frozenset({"promoting", "promoted", "rolling back", "awaiting root cause", "rolled back", "failed"})
"""Stages in which there is nothing left to hold."""
LOOK = timedelta(seconds=60)  # at least, for one look: a serving worker that restarts is no lack of data


@workflow.defn(name="Rollout", versioning_behavior=VersioningBehavior.PINNED)
class Rollout(Stoppable):
    """Exactly one of: the version is in production, or the previous one is and says why."""

    @workflow.init
    def __init__(self, request: RolloutRequest | None = None) -> None:
        self._asked = request
        resumed = request.resume if request else None
        self._resumed = resumed is not None
        self._origin = resumed.origin if resumed else workflow.info().run_id
        self._pinned = resumed.pinned if resumed else None
        self._status = resumed.status if resumed else RolloutStatus()
        self._stable = resumed.stable if resumed else None
        self._since = resumed.since_revision if resumed else 0
        self._failures = resumed.failures if resumed else 0
        self._deadline = resumed.deadline if resumed else workflow.now()
        self._moved = False  # whether it may have moved the production pointer
        self._shown = ""

    @workflow.run
    async def run(self, request: RolloutRequest | None = None) -> RolloutStatus:  # noqa: ARG002  # __init__ keeps it
        common.refuse_forged(self._resumed)
        with self.may_be_stopped():
            return await self._go()

    async def _go(self) -> RolloutStatus:
        try:
            if not self._resumed:
                await self._warm()
            verdict = await self._meet_traffic()
            if verdict is None:
                await self._promote()
            else:
                await self._roll_back(verdict)
        except ActivityError as error:
            await committed(self._compensate())
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        except asyncio.CancelledError:
            await committed(self._compensate())
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.query
    def status(self) -> RolloutStatus:
        """Where this rollout stands."""
        return self._status

    @workflow.update
    async def hold(self, hold: Hold) -> RolloutStatus:
        """Stay at this step, still judged, until a release."""
        self._set(held=True, reasons=(*self._status.reasons[-9:], f"held by {hold.actor}: {hold.reason}"))
        return self._status

    @hold.validator
    def _may_hold(self, hold: Hold) -> None:
        if self._status.stage in NOT_HELD:
            refuse_if(f"{hold.actor} cannot: it is {self._status.stage} already")
        refuse_if("it is held already" if self._status.held else None)

    @workflow.update
    async def release(self, release: Release) -> RolloutStatus:
        """Go on after a hold."""
        self._set(held=False, reasons=(*self._status.reasons[-9:], f"released by {release.actor}"))
        return self._status

    @release.validator
    def _may_release(self, release: Release) -> None:
        refuse_if(None if self._status.held else f"{release.actor} cannot release what is not held")

    @workflow.update
    async def record_root_cause(self, cause: RootCause) -> RolloutStatus:
        """Say why it had to be rolled back; unblocks promotion of this model."""
        incident = self._status.incident
        assert incident is not None
        self._set(root_cause=cause)  # before the await, so that a second caller is refused meanwhile
        try:
            await workflow.execute_activity(
                close_incident, args=[incident, cause], **CONTROL, summary="close the incident"
            )
        except ActivityError as error:
            if not isinstance(error.cause, ApplicationError) or error.cause.type != "INCIDENT_CLOSED":
                self._set(root_cause=None)
                raise
            # Closed meanwhile on the control host, with a cause of its own: there is nothing left to wait for.
        self._set(stage="rolled back")
        return self._status

    @record_root_cause.validator
    def _may_record(self, cause: RootCause) -> None:
        if self._status.stage != "awaiting root cause":
            refuse_if(f"{cause.actor} cannot: not awaiting a root cause but {self._status.stage}")
        refuse_if("a root cause is being recorded already" if self._status.root_cause else None)

    @property
    def _request(self) -> RolloutRequest:
        return given(self._asked)

    async def _warm(self) -> None:
        request = self._request
        stand("warming", tenant=request.tenant, model=request.model)
        self._pinned = await settled(
            workflow.execute_activity(pin_rollout, request, **CONTROL, summary="find the version on record")
        )
        stand("warming", digest=self._pinned.target)
        self._stable = (await self._production()).target
        await settled(
            workflow.execute_activity(warm_version, self._warm_job(), **SERVING, summary="verify, load, probe")
        )

    async def _production(self) -> PointerMoved:
        where = PointerQuery(tenant=self._request.tenant, model=self._request.model, stage="production")
        return await settled(
            workflow.execute_activity(read_pointer, where, **CONTROL, summary="read the production pointer")
        )

    async def _meet_traffic(self) -> Analysis | None:
        """Shadow, then the canary steps. Returns the analysis that failed, if one did."""
        plan = self._request.plan
        steps = [("shadow", 0, plan.shadow)] if plan.shadow else []
        steps += [("canary", number, step) for number, step in enumerate(plan.canary, start=1)]
        for stage, number, step in steps:
            if not self._resumed:
                await self._begin(stage, number, step)
            elif (stage, number) != (self._status.stage, self._status.step):
                continue  # the run before this one is through with it
            self._resumed = False
            if failed := await self._judge(stage, step):
                return failed
        return None

    async def _begin(self, stage: str, number: int, step: CanaryStep) -> None:
        percent = step.percent
        arm = {stage: self._target, f"{stage}_percent": percent}
        published = await settled(
            self._publish(self._change(f"{stage}/{number}", reason=f"{stage} {percent:g} %", **arm))
        )
        if number <= 1:
            # Evidence adds up over all canary steps: the e-value is valid at every look.
            self._since = published.revision
        self._failures, self._deadline = 0, workflow.now() + self._request.plan.analysis.step_timeout
        self._set(stage=stage, step=number, percent=percent, route_revision=published.revision)

    async def _judge(self, stage: str, step: CanaryStep) -> Analysis | None:
        rules = self._request.plan.analysis
        while True:
            analysis = await self._look(stage, step)
            self._set(analysis=analysis)
            self._failures += analysis.verdict == "failed"
            if self._failures > rules.failure_limit:
                return analysis
            if analysis.verdict == "successful":
                if not self._status.held:
                    return None
                # Held and healthy: the time without data counts from now.
                self._deadline = workflow.now() + rules.step_timeout
            if analysis.verdict == "inconclusive" and workflow.now() >= self._deadline:
                return analysis.model_copy(update={"verdict": "failed", "reason": f"NO_DATA: {analysis.reason}"})
            self._continue_when_long()
            await workflow.sleep(rules.interval, summary="until the next analysis")

    async def _look(self, stage: str, step: CanaryStep) -> Analysis:
        rules = self._request.plan.analysis
        job = AnalysisJob(
            tenant=self._request.tenant,
            model=self._request.model,
            version=self._target,
            since_revision=self._since,
            shadow=stage == "shadow",
            min_requests=step.min_requests,
            rules=rules,
        )
        at_most = max(self._deadline - workflow.now(), rules.interval, LOOK)
        try:
            return await settled(
                workflow.execute_activity(
                    analyse_canary, job, **SERVING, summary=f"{step.percent:g} %", schedule_to_close_timeout=at_most
                )
            )
        except ActivityError as error:
            if error.retry_state != RetryState.TIMEOUT and not isinstance(error.cause, ActivityTimeout):
                raise
            # Gateways that are silent until the deadline are no data, and no data is a failure.
            return Analysis(verdict="inconclusive", reason=reason_of(error), e_value=1, observations=())

    def _continue_when_long(self) -> None:
        """A canary may be watched for days; a history may not grow for as long."""
        if not workflow.info().is_continue_as_new_suggested() or not workflow.all_handlers_finished():
            return
        assert self._pinned is not None
        state = RolloutState(
            origin=self._origin,
            pinned=self._pinned,
            status=self._status,
            stable=self._stable,
            since_revision=self._since,
            failures=self._failures,
            deadline=self._deadline,
        )
        workflow.continue_as_new(self._request.model_copy(update={"resume": state}))

    async def _promote(self) -> None:
        warm = (self._stable,) if self._stable and self._stable != self._target else ()
        reason = "promoted; the previous version stays warm"
        change = self._change("promote", stable=self._target, warm=warm, reason=reason)
        while True:
            await workflow.wait_condition(lambda: not self._status.held)
            decision_id = await settled(
                workflow.execute_activity(permit_routes, change, **SERVING, summary="ask the routes gate")
            )
            if not self._status.held:  # it may have been held while the gate was asked
                break
        await committed(self._commit(change, decision_id))

    async def _commit(self, change: RouteChange, decision_id: str) -> None:
        """Pointer first (compare-and-set decides a race), then routes; a crash in between goes on here."""
        self._set(stage="promoting", percent=100)
        self._moved = True
        reason = f"rollout of version {self._request.version}"
        await self._point(self._target, self._stable, "production", reason, decision_id)
        published = await self._publish(change)
        self._set(stage="promoted", route_revision=published.revision)

    async def _roll_back(self, analysis: Analysis) -> None:
        await settled(self._flip_back(analysis), hand_on=False)
        await self._cool()
        try:
            await workflow.wait_condition(
                lambda: self._status.stage == "rolled back",
                timeout=self._request.plan.root_cause_deadline,
                timeout_summary="root cause deadline",
            )
        except TimeoutError:
            # The incident stays open in the registry, so promotion stays blocked.
            self._set(stage="rolled back", reasons=(*self._status.reasons, "ROOT_CAUSE_MISSING: deadline passed"))

    async def _flip_back(self, analysis: Analysis) -> None:
        self._set(stage="rolling back", analysis=analysis, reasons=(analysis.reason,))
        change = self._change("rollback", withdraw=True, reason=f"rolled back: {analysis.reason}"[:2000])
        published = await self._publish(change)
        self._set(percent=0, rollback=published, route_revision=published.revision)
        await self._open_incident()
        self._set(stage="awaiting root cause")

    async def _open_incident(self) -> None:
        assert self._status.analysis is not None
        incident = Incident(
            id=self._key("rollback"),
            tenant=self._request.tenant,
            model=self._request.model,
            version=self._target,
            reason=self._status.analysis.reason[:2000],
        )
        await workflow.execute_activity(open_incident, incident, **CONTROL, summary="open the incident")
        self._set(incident=incident)

    async def _compensate(self) -> None:
        """Whatever happened, the trial ends, traffic goes where the pointer says, nothing half-loaded stays."""
        if self._pinned is None or self._status.stage in ("promoted", "rolled back"):
            return
        for step in self._steps_back():
            try:
                await step()
            except ActivityError as error:
                workflow.logger.error("compensation failed: %s", reason_of(error))

    def _steps_back(self) -> list[Callable[[], Awaitable[None]]]:
        if self._status.stage == "awaiting root cause":
            return [self._cool]
        if self._status.stage == "rolling back" and not self._status.incident:
            return [self._restore, self._open_incident, self._cool]
        return [self._restore, self._cool]

    async def _restore(self) -> None:
        # Also when this run published nothing: one that was terminated before it may have left its canary.
        await self._publish(self._change("compensate", withdraw=True, reason="rollout ended early"))
        if not self._moved or self._target == self._stable:
            return
        if (await self._production()).target == self._target:
            # The routes were refused after the pointer had moved: it goes back, or nothing could ever follow it.
            await self._point(self._stable, self._target, "restore", "the routes were not published", None)

    async def _cool(self) -> None:
        try:
            await settled(workflow.execute_activity(cool_version, self._warm_job(), **SERVING, summary="unload it"))
        except ActivityError as error:
            # Loaded and not routed, it answers nobody; it only takes a place in the engine.
            workflow.logger.warning("not unloaded: %s", reason_of(error))

    async def _publish(self, change: RouteChange) -> RoutesPublished:
        return await workflow.execute_activity(publish_routes, change, **SERVING, summary=change.reason[:200])

    @property
    def _target(self) -> str:
        assert self._pinned is not None
        return self._pinned.target

    def _change(self, key: str, *, reason: str, **fields: object) -> RouteChange:
        assert self._pinned is not None
        return RouteChange.model_validate(
            {
                "tenant": self._request.tenant,
                "model": self._request.model,
                "base": self._pinned.base,
                "target": self._target,
                "stable": self._stable,
                "actor": self._request.requested_by,
                "reason": reason,
                "key": self._key(key),
                **fields,
            }
        )

    async def _point(
        self, target: str | None, expected: str | None, key: str, reason: str, decision_id: str | None
    ) -> None:
        move = PointerMove(
            tenant=self._request.tenant,
            model=self._request.model,
            stage="production",
            target=target,
            expected=expected,
            actor=self._request.requested_by,
            reason=reason,
            decision_id=decision_id,
            key=self._key(key),
        )
        await workflow.execute_activity(move_pointer, move, **CONTROL, summary=f"move the production pointer: {key}")

    def _warm_job(self) -> WarmJob:
        assert self._pinned is not None
        return WarmJob(version=self._pinned.target, **self._pinned.model_dump(include={"tenant", "model", "base"}))

    def _key(self, step: str) -> str:
        return f"{workflow.info().workflow_id}/{self._origin}/{step}"

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        held = "held, " if self._status.held else ""
        judged = f" {self._status.analysis.reason}" if self._status.analysis else ""
        details = f"{held}{self._status.percent:g} % of traffic.{judged}"
        if self._shown != (shown := f"{self._status.stage} {details}"):
            self._shown = shown
            stand(self._status.stage, details)

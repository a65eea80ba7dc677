"""A staged version meets live traffic: shadow, canary steps, production; or back, and then a root cause."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, CancelledError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.promotion import (
        Hold,
        PointerMove,
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
        RolloutStatus,
        RootCause,
        RouteChange,
        RoutesPublished,
        WarmJob,
        analyse_canary,
        close_incident,
        cool_version,
        open_incident,
        publish_routes,
        warm_version,
    )
    from workflows.common import CONTROL, SERVING, failure, reason_of, refuse_if, stand


@workflow.defn(name="Rollout", versioning_behavior=VersioningBehavior.PINNED)
class Rollout:
    """Exactly one of: the version is in production, or the previous one is and says why."""

    @workflow.init
    def __init__(self, request: RolloutRequest) -> None:
        self._request = request
        self._stable: str | None = None
        self._status = RolloutStatus()

    @workflow.run
    async def run(self, request: RolloutRequest) -> RolloutStatus:
        stand("warming", tenant=request.tenant, model=request.model, digest=request.target)
        try:
            await self._warm()
            verdict = await self._meet_traffic()
            if verdict is None:
                await self._promote()
            else:
                await self._roll_back(verdict)
        except ActivityError as error:
            await self._compensate()
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        except (CancelledError, asyncio.CancelledError):
            await self._compensate()
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
        self._set(held=True, reasons=(*self._status.reasons, f"held by {hold.actor}: {hold.reason}"))
        return self._status

    @workflow.update
    async def release(self, release: Release) -> RolloutStatus:
        """Go on after a hold."""
        self._set(held=False, reasons=(*self._status.reasons, f"released by {release.actor}"))
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
        except ActivityError:
            self._set(root_cause=None)
            raise
        self._set(stage="rolled back")
        return self._status

    @record_root_cause.validator
    def _may_record(self, cause: RootCause) -> None:
        if self._status.stage != "awaiting root cause":
            refuse_if(f"{cause.actor} cannot: not awaiting a root cause but {self._status.stage}")
        refuse_if("a root cause is being recorded already" if self._status.root_cause else None)

    async def _warm(self) -> None:
        request = self._request
        where = PointerQuery(tenant=request.tenant, model=request.model, stage="production")
        production = await workflow.execute_activity(read_pointer, where, **CONTROL, summary="read production")
        self._stable = production.target
        await workflow.execute_activity(warm_version, self._warm_job(), **SERVING, summary="verify, load, probe")

    async def _meet_traffic(self) -> Analysis | None:
        """Shadow, then the canary steps. Returns the analysis that failed, if one did."""
        plan = self._request.plan
        if plan.shadow is not None:
            shadow = await self._publish("shadow", shadow_percent=plan.shadow.percent)
            if failed := await self._judge(plan.shadow, shadow, shadow_arm=True):
                return failed
        since: RoutesPublished | None = None
        for number, step in enumerate(plan.canary, start=1):
            published = await self._publish("canary", canary_percent=step.percent, step=number)
            # Evidence adds up over all canary steps: the e-value is valid at every look.
            since = since or published
            if failed := await self._judge(step, since):
                return failed
        return None

    async def _judge(self, step: CanaryStep, since: RoutesPublished, *, shadow_arm: bool = False) -> Analysis | None:
        rules, request = self._request.plan.analysis, self._request
        failures, deadline = 0, workflow.now() + rules.step_timeout
        job = AnalysisJob(
            tenant=request.tenant,
            model=request.model,
            version=request.target,
            since_revision=since.revision,
            shadow=shadow_arm,
            min_requests=step.min_requests,
            rules=rules,
        )
        while True:
            analysis = await workflow.execute_activity(
                analyse_canary, job, **SERVING, summary=f"judge {step.percent:g} %"
            )
            self._set(analysis=analysis)
            failures += analysis.verdict == "failed"
            if failures > rules.failure_limit:
                return analysis
            if analysis.verdict == "successful" and not self._status.held:
                return None
            if analysis.verdict == "inconclusive" and workflow.now() >= deadline:
                return analysis.model_copy(update={"verdict": "failed", "reason": f"NO_DATA: {analysis.reason}"})
            await workflow.sleep(rules.interval, summary="until the next analysis")

    async def _publish(
        self, stage: str, *, canary_percent: float = 0, shadow_percent: float = 0, step: int = 0
    ) -> RoutesPublished:
        target = self._request.target
        change = self._change(
            f"{stage}/{step}",
            canary=target if canary_percent else None,
            canary_percent=canary_percent,
            shadow=target if shadow_percent else None,
            shadow_percent=shadow_percent,
            reason=f"{stage} {canary_percent or shadow_percent:g} %",
        )
        published = await workflow.execute_activity(publish_routes, change, **SERVING, summary=change.reason)
        self._set(stage=stage, step=step, percent=canary_percent or shadow_percent, route_revision=published.revision)
        return published

    async def _promote(self) -> None:
        """Pointer first (compare-and-set decides a race), then routes; a crash in between goes on here."""
        request = self._request
        self._set(stage="promoting", percent=100)
        move = PointerMove(
            tenant=request.tenant,
            model=request.model,
            stage="production",
            target=request.target,
            expected=self._stable,
            actor=request.requested_by,
            reason=f"rollout of version {request.version}",
            key=self._key("production"),
        )
        await workflow.execute_activity(move_pointer, move, **CONTROL, summary="move the production pointer")
        change = self._change(
            "promote",
            stable=request.target,
            warm=(self._stable,) if self._stable and self._stable != request.target else (),
            reason="promoted; the previous version stays warm",
        )
        self._stable = request.target
        published = await workflow.execute_activity(publish_routes, change, **SERVING, summary=change.reason)
        self._set(stage="promoted", route_revision=published.revision)

    async def _roll_back(self, analysis: Analysis) -> None:
        request = self._request
        self._set(stage="rolling back", analysis=analysis, reasons=(analysis.reason,))
        change = self._change("rollback", reason=f"rolled back: {analysis.reason}"[:2000])
        published = await workflow.execute_activity(publish_routes, change, **SERVING, summary="flip back")
        incident = Incident(
            id=self._key("rollback"),
            tenant=request.tenant,
            model=request.model,
            version=request.target,
            reason=analysis.reason[:2000],
        )
        await workflow.execute_activity(open_incident, incident, **CONTROL, summary="open the incident")
        self._set(
            stage="awaiting root cause",
            percent=0,
            rollback=published,
            route_revision=published.revision,
            incident=incident,
        )
        await workflow.execute_activity(cool_version, self._warm_job(), **SERVING, summary="unload it")
        try:
            await workflow.wait_condition(
                lambda: self._status.stage == "rolled back",
                timeout=request.plan.root_cause_deadline,
                timeout_summary="root cause deadline",
            )
        except TimeoutError:
            # The incident stays open in the registry, so promotion stays blocked.
            self._set(stage="rolled back", reasons=(*self._status.reasons, "ROOT_CAUSE_MISSING: deadline passed"))

    async def _compensate(self) -> None:
        """Whatever happened, traffic goes where the production pointer says and nothing half-loaded stays."""
        if self._status.stage in ("promoted", "awaiting root cause", "rolled back"):
            return

        async def undo() -> None:
            change = self._change("compensate", reason="rollout ended early")
            await workflow.execute_activity(publish_routes, change, **SERVING, summary="routes back to stable")
            await workflow.execute_activity(cool_version, self._warm_job(), **SERVING, summary="unload it")

        try:
            await asyncio.shield(asyncio.create_task(undo()))
        except ActivityError as error:
            workflow.logger.error("compensation failed: %s", reason_of(error))

    def _change(self, key: str, *, reason: str, **fields: object) -> RouteChange:
        request = self._request
        return RouteChange.model_validate(
            {
                "tenant": request.tenant,
                "model": request.model,
                "base": request.base,
                "stable": self._stable,
                "actor": request.requested_by,
                "reason": reason,
                "key": self._key(key),
                **fields,
            }
        )

    def _warm_job(self) -> WarmJob:
        request = self._request
        return WarmJob(tenant=request.tenant, model=request.model, base=request.base, version=request.target)

    def _key(self, step: str) -> str:
        return f"{workflow.info().workflow_id}/{workflow.info().run_id}/{step}"

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        held = "held, " if self._status.held else ""
        judged = f" {self._status.analysis.reason}" if self._status.analysis else ""
        stand(self._status.stage, f"{held}{self._status.percent:g} % of traffic.{judged}")

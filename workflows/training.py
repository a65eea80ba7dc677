"""A run spec is allowed by policy, then trained on one device, however often its worker dies."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.training import (
        PinnedTraining,
        TrainingRequest,
        TrainingStatus,
        TrainJob,
        decide_training,
        pin_training,
        train,
    )
    from workflows.common import CONTROL, TRAINING, code_of, failure, given, reason_of, settled, stand
    from workflows.stopping import Stoppable


@workflow.defn(name="Training", versioning_behavior=VersioningBehavior.PINNED)
class Training(Stoppable):
    """One run. Its id comes from the run spec, so asking again for the same spec goes on with the same run."""

    @workflow.init
    def __init__(self, request: TrainingRequest | None = None) -> None:
        self._asked = request
        self._status = TrainingStatus()

    @workflow.run
    async def run(self, request: TrainingRequest | None = None) -> TrainingStatus:  # noqa: ARG002  # __init__ keeps it
        with self.may_be_stopped():
            return await self._go()

    async def _go(self) -> TrainingStatus:
        try:
            pinned = await self._pin()
            if await self._allowed(pinned):
                await self._train(pinned)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            reason, cause = reason_of(error), code_of(error)
            self._status = self._status.model_copy(update={"stage": "failed", "cause": cause, "reasons": (reason,)})
            stand("failed", reason, cause=cause)
            raise failure(error) from error
        return self._status

    @workflow.query
    def status(self) -> TrainingStatus:
        """Where this training stands."""
        return self._status

    @property
    def _request(self) -> TrainingRequest:
        return given(self._asked)

    async def _pin(self) -> PinnedTraining:
        request = self._request
        stand("deciding", tenant=request.tenant, model=request.model)
        pinned = await settled(
            workflow.execute_activity(pin_training, request, **CONTROL, summary="pin base, template and datasets")
        )
        config_hash = pinned.spec.content_digest()
        run_id = f"{request.tenant}.{request.model}.{request.version}.{config_hash.removeprefix('sha256:')[:12]}"
        self._status = self._status.model_copy(
            update={"config_hash": config_hash, "run_id": run_id, "plan": pinned.plan}
        )
        stand("deciding", f"run {run_id}", digest=config_hash)
        return pinned

    async def _allowed(self, pinned: PinnedTraining) -> bool:
        decision = await settled(
            workflow.execute_activity(decide_training, pinned, **CONTROL, summary="ask the training gate")
        )
        if not decision.allow:
            reasons = tuple(f"{v.code}: {v.msg}" for v in decision.violations) or ("the gate did not allow it",)
            self._status = self._status.model_copy(update={"stage": "refused", "reasons": reasons})
            stand("refused", "; ".join(reasons))
        return decision.allow

    async def _train(self, pinned: PinnedTraining) -> None:
        assert self._status.run_id is not None
        steps = pinned.spec.recipe.max_steps
        self._status = self._status.model_copy(update={"stage": "training"})
        stand("training", f"{steps} steps, run {self._status.run_id}")
        job = TrainJob(run_id=self._status.run_id, request=pinned)
        result = await settled(workflow.execute_activity(train, job, **TRAINING, summary=f"train {steps} steps"))
        done = tuple(f"{i.cause} at step {i.step}: {i.action} to step {i.back_to}" for i in result.interventions)
        update = {"stage": "trained", "result": result, "cause": result.cause, "reasons": done}
        self._status = self._status.model_copy(update=update)
        told = "; ".join((f"loss {result.loss_first:.3f} to {result.loss_last:.3f} in {result.steps} steps", *done))
        stand("trained", told, cause=result.cause)

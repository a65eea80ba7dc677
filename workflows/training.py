"""A run spec is allowed by policy, then trained on one device, however often its worker dies."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from assay.contracts.training import TrainingRequest, TrainingStatus, TrainJob, decide_training, train
    from workflows.common import CONTROL, TRAINING, failure, reason_of, stand


@workflow.defn(name="Training", versioning_behavior=VersioningBehavior.PINNED)
class Training:
    """One run. Its id comes from the run spec, so asking again for the same spec goes on with the same run."""

    @workflow.init
    def __init__(self, request: TrainingRequest) -> None:
        self._request = request
        config_hash = request.spec.content_digest()
        run_id = f"{request.tenant}.{request.model}.{request.version}.{config_hash.removeprefix('sha256:')[:12]}"
        self._status = TrainingStatus(config_hash=config_hash, run_id=run_id)

    @workflow.run
    async def run(self, request: TrainingRequest) -> TrainingStatus:
        stand("deciding", tenant=request.tenant, model=request.model, digest=self._status.config_hash)
        try:
            if await self._allowed():
                await self._train()
        except ActivityError as error:
            self._status = self._status.model_copy(update={"stage": "failed", "reasons": (reason_of(error),)})
            stand("failed", reason_of(error))
            raise failure(error) from error
        return self._status

    @workflow.query
    def status(self) -> TrainingStatus:
        """Where this training stands."""
        return self._status

    async def _allowed(self) -> bool:
        decision = await workflow.execute_activity(
            decide_training, self._request, **CONTROL, summary="ask the training gate"
        )
        if not decision.allow:
            reasons = tuple(f"{v.code}: {v.msg}" for v in decision.violations) or ("the gate did not allow it",)
            self._status = self._status.model_copy(update={"stage": "refused", "reasons": reasons})
            stand("refused", "; ".join(reasons))
        return decision.allow

    async def _train(self) -> None:
        assert self._status.run_id is not None
        steps = self._request.spec.recipe.max_steps
        self._status = self._status.model_copy(update={"stage": "training"})
        stand("training", f"{steps} steps, run {self._status.run_id}")
        job = TrainJob(run_id=self._status.run_id, request=self._request)
        result = await workflow.execute_activity(train, job, **TRAINING, summary=f"train {steps} steps")
        self._status = self._status.model_copy(update={"stage": "trained", "result": result})
        stand("trained", f"loss {result.loss_first:.3f} to {result.loss_last:.3f} in {result.steps} steps")

"""Checkpoints are compared on one split; the best one and the base are reported on another."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from assay.contracts.evaluation import (
        ArmJob,
        ArmScores,
        EvaluationRequest,
        EvaluationStatus,
        ReportJob,
        Split,
        choose_candidate,
        evaluate_arm,
        write_report,
    )
    from assay.contracts.training import Candidate
    from workflows.common import EVALUATION, SERVING, failure, reason_of, stand


@workflow.defn(name="Evaluation", versioning_behavior=VersioningBehavior.PINNED)
class Evaluation:
    """Scores of base and candidates, with and without JSON-schema decoding."""

    @workflow.init
    def __init__(self, request: EvaluationRequest) -> None:
        self._request = request
        self._arms: list[ArmScores] = []
        self._status = EvaluationStatus(arms_total=len(request.candidates) + 4)

    @workflow.run
    async def run(self, request: EvaluationRequest) -> EvaluationStatus:
        stand("preparing", tenant=request.tenant, model=request.model)
        try:
            chosen = await self._select()
            await self._report(chosen)
        except ActivityError as error:
            self._status = self._status.model_copy(update={"stage": "failed"})
            stand("failed", reason_of(error))
            raise failure(error) from error
        return self._status

    @workflow.query
    def status(self) -> EvaluationStatus:
        """Where this evaluation stands."""
        return self._status

    async def _select(self) -> Candidate:
        """The engine is the bottleneck and batches within an arm, so arms run one after another."""
        for candidate in self._request.candidates:
            await self._answer("select", candidate, schema_decoding=False)
        arms = tuple(self._arms)
        adapter = await workflow.execute_activity(choose_candidate, arms, **SERVING, summary="choose the checkpoint")
        return next(c for c in self._request.candidates if c.adapter == adapter)

    async def _report(self, chosen: Candidate) -> None:
        for candidate in (None, chosen):
            for schema_decoding in (False, True):
                await self._answer("report", candidate, schema_decoding=schema_decoding)
        job = ReportJob(request=self._request, chosen=chosen, arms=tuple(self._arms))
        result = await workflow.execute_activity(write_report, job, **SERVING, summary="write the report")
        self._status = self._status.model_copy(update={"stage": "evaluated", "result": result})
        stand("evaluated", f"step {chosen.step} is the best checkpoint", digest=result.report.sha256)

    async def _answer(self, split: Split, candidate: Candidate | None, *, schema_decoding: bool) -> None:
        request = self._request
        arm = f"step {candidate.step}" if candidate else "base"
        stage = "selecting" if split == "select" else "reporting"
        self._status = self._status.model_copy(update={"stage": stage})
        stand(
            stage,
            f"{arm}{' with schema' if schema_decoding else ''} ({len(self._arms) + 1} of {self._status.arms_total})",
        )
        job = ArmJob(
            tenant=request.tenant,
            model=request.model,
            base=request.base,
            template=request.template,
            suite=request.suite,
            split=split,
            candidate=candidate,
            schema_decoding=schema_decoding,
        )
        self._arms.append(await workflow.execute_activity(evaluate_arm, job, **EVALUATION, summary=f"{split}: {arm}"))
        self._status = self._status.model_copy(update={"arms_done": len(self._arms)})

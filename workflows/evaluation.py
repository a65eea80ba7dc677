"""Checkpoints are compared on one split; the best one and the base are reported on another."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from assay.contracts.evaluation import (
        ArmJob,
        ArmScores,
        EvaluationRequest,
        EvaluationStatus,
        PinnedEvaluation,
        ReportJob,
        Split,
        choose_candidate,
        evaluate_arm,
        pin_evaluation,
        write_report,
    )
    from assay.contracts.training import Candidate
    from workflows.common import CONTROL, EVALUATION, SERVING, failure, given, reason_of, settled, stand
    from workflows.stopping import Stoppable

REPORTED_ARMS = 4
"""Base and chosen checkpoint, each with and without JSON-schema decoding."""


@workflow.defn(name="Evaluation", versioning_behavior=VersioningBehavior.PINNED)
class Evaluation(Stoppable):
    """Scores of base and candidates, with and without JSON-schema decoding."""

    @workflow.init
    def __init__(self, request: EvaluationRequest | None = None) -> None:
        self._asked = request
        self._arms: list[ArmScores] = []
        self._status = EvaluationStatus()

    @workflow.run
    async def run(self, request: EvaluationRequest | None = None) -> EvaluationStatus:  # noqa: ARG002  # __init__ keeps it
        with self.may_be_stopped():
            return await self._go()

    async def _go(self) -> EvaluationStatus:
        try:
            pinned = await self._pin()
            chosen = await self._select(pinned)
            await self._report(pinned, chosen)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            reason = reason_of(error)
            self._status = self._status.model_copy(update={"stage": "failed", "reasons": (reason,)})
            stand("failed", reason)
            raise failure(error) from error
        return self._status

    @workflow.query
    def status(self) -> EvaluationStatus:
        """Where this evaluation stands."""
        return self._status

    @property
    def _request(self) -> EvaluationRequest:
        return given(self._asked)

    async def _pin(self) -> PinnedEvaluation:
        stand("preparing", tenant=self._request.tenant, model=self._request.model)
        pinned = await settled(
            workflow.execute_activity(
                pin_evaluation, self._request, **CONTROL, summary="pin run, base, template and suite"
            )
        )
        arms_total = len(pinned.candidates) + REPORTED_ARMS
        self._status = self._status.model_copy(update={"arms_total": arms_total})
        return pinned

    async def _select(self, pinned: PinnedEvaluation) -> Candidate:
        """The engine is the bottleneck and batches within an arm, so arms run one after another."""
        for candidate in pinned.candidates:
            await self._answer(pinned, "select", candidate, schema_decoding=False)
        arms = tuple(self._arms)
        adapter = await settled(
            workflow.execute_activity(choose_candidate, arms, **SERVING, summary="choose the checkpoint")
        )
        return next(c for c in pinned.candidates if c.adapter == adapter)

    async def _report(self, pinned: PinnedEvaluation, chosen: Candidate) -> None:
        for candidate in (None, chosen):
            for schema_decoding in (False, True):
                await self._answer(pinned, "report", candidate, schema_decoding=schema_decoding)
        job = ReportJob(request=pinned, chosen=chosen, arms=tuple(self._arms))
        result = await settled(workflow.execute_activity(write_report, job, **SERVING, summary="write the report"))
        self._status = self._status.model_copy(update={"stage": "evaluated", "result": result})
        stand("evaluated", f"step {chosen.step} is the best checkpoint", digest=result.report.sha256)

    async def _answer(
        self, pinned: PinnedEvaluation, split: Split, candidate: Candidate | None, *, schema_decoding: bool
    ) -> None:
        arm = f"step {candidate.step}" if candidate else "base"
        stage = "selecting" if split == "select" else "reporting"
        self._status = self._status.model_copy(update={"stage": stage})
        stand(
            stage,
            f"{arm}{' with schema' if schema_decoding else ''} ({len(self._arms) + 1} of {self._status.arms_total})",
        )
        job = ArmJob(
            tenant=pinned.tenant,
            model=pinned.model,
            base=pinned.base,
            template=pinned.template,
            suite=pinned.suite,
            split=split,
            candidate=candidate,
            schema_decoding=schema_decoding,
        )
        scores = await settled(workflow.execute_activity(evaluate_arm, job, **EVALUATION, summary=f"{split}: {arm}"))
        self._arms.append(scores)
        self._status = self._status.model_copy(update={"arms_done": len(self._arms)})

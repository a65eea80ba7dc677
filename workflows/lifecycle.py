"""From sources to production: the parent that starts each step as a child and shows where the whole stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from assay.contracts import names
    from assay.contracts.base import Message
    from assay.contracts.data import Dataset, IntakeRequest, IntakeStatus
    from assay.contracts.evaluation import EvaluationRequest, EvaluationResult, EvaluationStatus
    from assay.contracts.lifecycle import LifecycleRequest, LifecycleStatus, Preparation, prepare_lifecycle
    from assay.contracts.promotion import Hold, PromotionRequest, PromotionStatus, Release
    from assay.contracts.rollout import RolloutRequest, RolloutStatus
    from assay.contracts.training import DatasetChoice, TrainingRequest, TrainingResult, TrainingStatus
    from assay.contracts.turn import PlaceRequest, TurnNotice
    from workflows.common import CONTROL, failure, given, reason_of, refuse_if, settled, stand
    from workflows.stopping import Stoppable

Status = TypeVar("Status", bound=Message)
FIRST_LOOK: Final = timedelta(seconds=1)
LONGEST_LOOK: Final = timedelta(minutes=5)
"""Between two looks whether a dataset that another lifecycle screens is done. An intake may take six hours; looking
every five minutes, those are 80 looks of about ten events each."""


class Ended(Exception):
    """A child ended the lifecycle by a refusal: not a failure, an answer."""

    def __init__(self, stage: str, reasons: tuple[str, ...]) -> None:
        super().__init__(stage)
        self.stage, self.reasons = stage, reasons


@workflow.defn(name="Lifecycle", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Lifecycle(Stoppable):
    """One version of one tenant's model. Days may pass between two lines of it."""

    @workflow.init
    def __init__(self, request: LifecycleRequest | None = None) -> None:
        self._asked = request
        self._status = LifecycleStatus()
        self._in_turn = False
        self._turn: TurnNotice | None = None

    @workflow.run
    async def run(self, request: LifecycleRequest | None = None) -> LifecycleStatus:  # noqa: ARG002  # __init__ keeps it
        with self.may_be_stopped():
            return await self._go()

    async def _go(self) -> LifecycleStatus:
        try:
            await self._live()
        except Ended as end:
            self._set(stage=end.stage, reasons=end.reasons)
        except (ActivityError, ChildWorkflowError) as error:
            if is_cancelled_exception(error):
                raise
            self._set(stage="failed", reasons=(reason_of(error),))
            raise failure(error) from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.query
    def status(self) -> LifecycleStatus:
        """Where this lifecycle stands; `child` is the workflow to look at."""
        return self._status

    @workflow.update
    async def hold(self, hold: Hold) -> LifecycleStatus:
        """Do not begin the next step until a release."""
        self._set(held=True, reasons=(f"held by {hold.actor}: {hold.reason}",))
        return self._status

    @hold.validator
    def _may_hold(self, hold: Hold) -> None:  # noqa: ARG002  # the SDK passes it
        refuse_if("it is held already" if self._status.held else None)

    @workflow.update
    async def release(self, release: Release) -> LifecycleStatus:
        """Go on after a hold."""
        self._set(held=False, reasons=(f"released by {release.actor}",))
        return self._status

    @release.validator
    def _may_release(self, release: Release) -> None:
        refuse_if(None if self._status.held else f"{release.actor} cannot release what is not held")

    @workflow.signal
    def turn(self, notice: TurnNotice) -> None:
        """From this model's `Turn`: whom this lifecycle waits for, or that it is its turn."""
        self._turn = notice
        if notice.waits_for:
            self._set(stage="waiting", waits_for=notice.waits_for)

    @property
    def _request(self) -> LifecycleRequest:
        return given(self._asked)

    async def _live(self) -> None:
        self._set(stage="preparing")
        # Histories from before end with WORKFLOW_RUNNING or ROLLOUT_RUNNING where these wait.
        self._in_turn = workflow.patched("lifecycles of one model take turns")
        preparation = await settled(
            workflow.execute_activity(
                prepare_lifecycle, self._request, **CONTROL, summary="pin base, template and suite"
            )
        )
        dataset = await self._intake(preparation)
        training = await self._train(preparation, dataset)
        evaluation = await self._evaluate(preparation, training)
        if self._in_turn:
            await self._take_turn()
        await self._promote(training, evaluation)
        await self._roll_out()

    async def _intake(self, preparation: Preparation) -> Dataset:
        r = self._request
        wanted = IntakeRequest(
            tenant=r.tenant,
            dataset=r.dataset,
            version=r.version,
            sources=r.sources,
            purpose=r.purpose,
            suites=(preparation.suite,),  # what it will be measured by must not be learnt
            requested_by=r.requested_by,
        )
        child = names.intake_id(r.tenant, r.dataset, r.version)
        status = await self._screened(child, wanted)
        assert status.dataset is not None
        self._set(dataset=status.dataset)
        return status.dataset

    async def _train(self, preparation: Preparation, dataset: Dataset) -> TrainingResult:
        r = self._request
        wanted = TrainingRequest(
            tenant=r.tenant,
            model=r.model,
            version=r.version,
            base=preparation.base.digest,
            datasets=(DatasetChoice(dataset=dataset.id),),
            template=preparation.template,
            recipe=r.recipe,
            budget=r.budget,
            purpose=r.purpose,
            requested_by=r.requested_by,
        )
        child = names.training_id(r.tenant, r.model, r.version)
        status = await self._step("training", "Training", child, wanted, TrainingStatus)
        if status.result is None:
            raise Ended("refused", status.reasons)
        return status.result

    async def _evaluate(self, preparation: Preparation, training: TrainingResult) -> EvaluationResult:
        r = self._request
        wanted = EvaluationRequest(
            tenant=r.tenant,
            model=r.model,
            version=r.version,
            suite=preparation.suite.uri,
            run=training.run_id,
            requested_by=r.requested_by,
        )
        child = names.evaluation_id(r.tenant, r.model, r.version)
        status = await self._step("evaluation", "Evaluation", child, wanted, EvaluationStatus)
        assert status.result is not None
        self._set(version=status.result.chosen.adapter)
        return status.result

    async def _promote(self, training: TrainingResult, evaluation: EvaluationResult) -> None:
        r = self._request
        wanted = PromotionRequest(
            tenant=r.tenant,
            model=r.model,
            version=r.version,
            run=training.run_id,
            report=evaluation.report.sha256,
            purpose=r.purpose,
            rules=r.approval,
            requested_by=r.requested_by,
        )
        child = names.promotion_id(r.tenant, r.model, r.version)
        status = await self._step("promotion", "Promotion", child, wanted, PromotionStatus)
        if status.stage != "staged":
            raise Ended("refused", status.reasons)

    async def _roll_out(self) -> None:
        r = self._request
        wanted = RolloutRequest(
            tenant=r.tenant,
            model=r.model,
            version=r.version,
            target=self._status.version,
            plan=r.rollout,
            requested_by=r.requested_by,
        )
        child = names.rollout_id(r.tenant, r.model, r.version)
        status = await self._step("rollout", "Rollout", child, wanted, RolloutStatus)
        if status.stage != "promoted":
            raise Ended("rolled back", status.reasons)
        self._set(stage="production", reasons=())

    async def _screened(self, child: str, wanted: IntakeRequest) -> IntakeStatus:
        """One intake of a dataset version at a time: another model's lifecycle may be at it."""
        pause = FIRST_LOOK
        while True:
            try:
                return await self._step("intake", "Intake", child, wanted, IntakeStatus)
            except ApplicationError as error:
                if error.type != "WORKFLOW_RUNNING" or not self._in_turn:
                    raise
            self._set(stage="waiting", waits_for=child)
            await workflow.sleep(pause, summary=f"until {child} has ended")
            pause = min(pause * 2, LONGEST_LOOK)

    async def _take_turn(self) -> None:
        """Wait until the lifecycles of this model that came to this point before have ended.

        A card compares with what is in production and people approve that comparison, so production must not change
        between the draft and the rollout. The place is given up when this workflow closes.
        """
        await workflow.wait_condition(lambda: not self._status.held)
        while not self._has_turn():
            await self._wait_in_line()

    async def _wait_in_line(self) -> None:
        """Until it is its turn, or somebody ended the place that it had."""
        r, me = self._request, workflow.info()
        place = await workflow.start_child_workflow(
            "Place",
            PlaceRequest(tenant=r.tenant, model=r.model, lifecycle=me.workflow_id, run=me.run_id),
            id=names.place_id(r.tenant, r.model, r.version, me.run_id),
            static_summary=f"place of version {r.version} in the queue of {r.tenant}/{r.model}",
            cancellation_type=ChildWorkflowCancellationType.ABANDON,
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
        )
        await workflow.wait_condition(lambda: self._has_turn() or place.done())

    def _has_turn(self) -> bool:
        return self._turn is not None and self._turn.waits_for is None

    async def _step(self, stage: str, kind: str, child: str, wanted: Message, answers: type[Status]) -> Status:
        await workflow.wait_condition(lambda: not self._status.held)
        self._set(stage=stage, child=child, waits_for=None)
        # A cancelled lifecycle waits until its child has put things right.
        work = workflow.execute_child_workflow(
            kind,
            wanted,
            id=child,
            result_type=answers,
            static_summary=f"{stage} of {self._request.tenant}/{self._request.model} {self._request.version}",
            cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
        )
        try:
            # A rollout that was promoted before the cancellation reached it is in production.
            status: Status = await settled(work, late_result=kind == "Rollout")
        except WorkflowAlreadyStartedError as error:
            raise ApplicationError(
                f"{child} runs already, for somebody else", type="WORKFLOW_RUNNING", non_retryable=True
            ) from error
        return status

    def _set(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        s, r = self._status, self._request
        details = "; ".join(s.reasons) or (f"see {s.waits_for or s.child}" if s.waits_for or s.child else "")
        dataset = s.dataset.id if s.dataset else None
        stand(s.stage, details, tenant=r.tenant, model=r.model, dataset=dataset, digest=s.version)

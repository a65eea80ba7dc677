"""The typed client: what another service imports to start, watch and steer lifecycles.

client = await AssayClient.connect()
handle = await client.start_lifecycle(LifecycleRequest.model_validate_json(text))
status = await client.promotion_status("acme", "helpdesk", 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from assay.contracts import names
from assay.contracts.approval import ApprovalQuery, OwnerApproval, OwnerRejection, OwnerStatus
from assay.contracts.base import Message, is_slug
from assay.contracts.data import IntakeRequest, IntakeStatus
from assay.contracts.erasure import ErasureRequest, ErasureStatus, MentionsConfirmed
from assay.contracts.errors import InputRefused, NotFound, PolicyRefused, Unavailable
from assay.contracts.evaluation import EvaluationRequest, EvaluationStatus
from assay.contracts.lifecycle import LifecycleRequest, LifecycleStatus
from assay.contracts.promotion import Approval, Hold, Override, PromotionRequest, PromotionStatus, Rejection, Release
from assay.contracts.retention import RetentionRequest, RetentionStatus
from assay.contracts.review import ReviewRequest, ReviewStatus, RowRuling
from assay.contracts.rollout import RolloutRequest, RolloutStatus, RootCause
from assay.contracts.training import TrainingProgress, TrainingRequest, TrainingStatus
from assay.converter import converter_of
from assay.parting import part_at_exit
from assay.settings import Settings
from assay.telemetry.temporal import client_interceptors

Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True)
class AssayClient:
    """Lifecycles over one Temporal connection."""

    temporal: Client

    @classmethod
    async def connect(cls, address: str | None = None, namespace: str | None = None) -> AssayClient:
        """Connect to `address` or, first found wins, `ASSAY_TEMPORAL_ADDRESS`, Temporal's own, the local stack.

        Temporal's own are `TEMPORAL_*` and the TOML profile, which also give TLS and API key; the namespace is found in
        the same order. Payloads are encrypted when `ASSAY_PAYLOAD_KEYS` is set.

        Raises Unavailable (`TEMPORAL_UNREACHABLE`), InputRefused (`PAYLOAD_KEY_MALFORMED`, `PAYLOAD_KEY_MISSING`).
        """
        part_at_exit()
        settings = Settings()
        converter = converter_of(settings)
        config = ClientConfig.load_client_connect_config()
        config["target_host"] = address or settings.temporal_address or config.get("target_host") or settings.temporal
        if namespace is None and "temporal_namespace" in settings.model_fields_set:
            namespace = settings.temporal_namespace
        config["namespace"] = namespace or config.get("namespace") or settings.temporal_namespace
        try:
            return cls(await Client.connect(**config, data_converter=converter, interceptors=client_interceptors()))
        except RuntimeError as error:
            raise Unavailable(
                "TEMPORAL_UNREACHABLE",
                f"no Temporal frontend answers at {config['target_host']}",
                "start it, or correct the address",
            ) from error

    async def start_lifecycle(self, request: LifecycleRequest) -> WorkflowHandle[object, LifecycleStatus]:
        """Start, or find the one that runs already under the same id."""
        id_ = names.lifecycle_id(request.tenant, request.model, request.version)
        return await self._start("Lifecycle", request, id_, LifecycleStatus)

    async def start_intake(self, request: IntakeRequest) -> WorkflowHandle[object, IntakeStatus]:
        """Start an intake by itself."""
        id_ = names.intake_id(request.tenant, request.dataset, request.version)
        return await self._start("Intake", request, id_, IntakeStatus)

    async def start_training(self, request: TrainingRequest) -> WorkflowHandle[object, TrainingStatus]:
        """Start a training by itself, on datasets that are sealed."""
        id_ = names.training_id(request.tenant, request.model, request.version)
        return await self._start("Training", request, id_, TrainingStatus)

    async def start_evaluation(self, request: EvaluationRequest) -> WorkflowHandle[object, EvaluationStatus]:
        """Start an evaluation by itself, of a run that is finished."""
        id_ = names.evaluation_id(request.tenant, request.model, request.version)
        return await self._start("Evaluation", request, id_, EvaluationStatus)

    async def start_promotion(self, request: PromotionRequest) -> WorkflowHandle[object, PromotionStatus]:
        """Start a promotion by itself, for a version that is trained and evaluated."""
        id_ = names.promotion_id(request.tenant, request.model, request.version)
        return await self._start("Promotion", request, id_, PromotionStatus)

    async def start_rollout(self, request: RolloutRequest) -> WorkflowHandle[object, RolloutStatus]:
        """Start a rollout by itself, for a version that is staged."""
        id_ = names.rollout_id(request.tenant, request.model, request.version)
        return await self._start("Rollout", request, id_, RolloutStatus)

    async def start_data_review(self, request: ReviewRequest) -> WorkflowHandle[object, ReviewStatus]:
        """Have people decide about quarantined rows of a dataset; the review that runs already goes on."""
        return await self._start(
            "DataReview", request, names.data_review_id(request.tenant, request.dataset), ReviewStatus
        )

    async def start_retention(self, request: RetentionRequest) -> WorkflowHandle[object, RetentionStatus]:
        """Keep a sealed dataset until its rows expire; the timer that runs already goes on."""
        id_ = names.retention_id(request.tenant, request.dataset, request.version)
        return await self._start("Retention", request, id_, RetentionStatus)

    async def start_erasure(self, request: ErasureRequest) -> WorkflowHandle[object, ErasureStatus]:
        """Start an erasure, or go on with the same one, which has the same name; nobody stands in it in the clear."""
        named = request.dataset or names.erasure_what(request.subject, request.mentions)
        return await self._start("Erasure", request, names.erasure_id(request.tenant, named), ErasureStatus)

    async def look_again(self, tenant: str) -> int:
        """Have a tenant's erasures and retentions look at once for what they wait for; how many were told.

        Raises InputRefused (`TENANT_MALFORMED`), Unavailable (`TEMPORAL_UNREACHABLE`), RPCError.
        """
        if not is_slug(tenant):
            raise InputRefused("TENANT_MALFORMED", "this is no name of a tenant", "lower-case letters, digits, dashes")
        kinds = "WorkflowType IN ('Erasure', 'Retention') AND ExecutionStatus = 'Running'"
        told = 0
        try:
            async for found in self.temporal.list_workflows(f"{kinds} AND {names.TENANT.name} = '{tenant}'"):
                told += await self._told(found.id, "look_again")
        except RPCError as error:
            if error.status not in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
                raise
            raise Unavailable(
                "TEMPORAL_UNREACHABLE", f"Temporal says {error.message}", "start it, and try again"
            ) from error
        return told

    async def erasure_status(self, workflow_id: str) -> ErasureStatus:
        """Where an erasure stands."""
        return await self._query(workflow_id, ErasureStatus)

    async def confirm_mentions(self, workflow_id: str, confirmed: MentionsConfirmed) -> ErasureStatus:
        """Say which rows that mention the person are about them, or not. Raises PolicyRefused with the gate's code."""
        return await self._update(workflow_id, "confirm_mentions", confirmed, ErasureStatus)

    async def lifecycle_status(self, tenant: str, model: str, version: int) -> LifecycleStatus:
        """Where the whole stands."""
        return await self._query(names.lifecycle_id(tenant, model, version), LifecycleStatus)

    async def intake_status(self, tenant: str, dataset: str, version: int) -> IntakeStatus:
        """Where its data stands."""
        return await self._query(names.intake_id(tenant, dataset, version), IntakeStatus)

    async def training_status(self, tenant: str, model: str, version: int) -> TrainingStatus:
        """Where its training stands."""
        return await self._query(names.training_id(tenant, model, version), TrainingStatus)

    async def training_progress(self, tenant: str, model: str, version: int) -> TrainingProgress | None:
        """The last heartbeat of a running training; None while there is none."""
        handle = self.temporal.get_workflow_handle(names.training_id(tenant, model, version))
        pending = (await handle.describe()).raw_description.pending_activities
        for one in pending:
            if one.heartbeat_details.payloads:
                [progress] = await self.temporal.data_converter.decode(
                    one.heartbeat_details.payloads[:1], [TrainingProgress]
                )
                return progress if isinstance(progress, TrainingProgress) else None
        return None

    async def evaluation_status(self, tenant: str, model: str, version: int) -> EvaluationStatus:
        """Where its evaluation stands."""
        return await self._query(names.evaluation_id(tenant, model, version), EvaluationStatus)

    async def promotion_status(self, tenant: str, model: str, version: int) -> PromotionStatus:
        """Where its promotion stands; `card.diff.sha256` is what an approval names."""
        return await self._query(names.promotion_id(tenant, model, version), PromotionStatus)

    async def rollout_status(self, tenant: str, model: str, version: int) -> RolloutStatus:
        """Where its rollout stands."""
        return await self._query(names.rollout_id(tenant, model, version), RolloutStatus)

    async def data_approval_status(self, query: ApprovalQuery) -> OwnerStatus:
        """What the owner of a source is asked for; `terms` is what an answer names."""
        return await self._query(_approval_id(query), OwnerStatus)

    async def approve_data(self, query: ApprovalQuery, approval: OwnerApproval) -> OwnerStatus:
        """Say yes as the owner of a source. Raises PolicyRefused with the reason or the gate's code."""
        return await self._update(_approval_id(query), "approve", approval, OwnerStatus)

    async def reject_data(self, query: ApprovalQuery, rejection: OwnerRejection) -> OwnerStatus:
        """Say no as the owner of a source; the intakes that wait are refused. Raises PolicyRefused."""
        return await self._update(_approval_id(query), "reject", rejection, OwnerStatus)

    async def data_review_status(self, tenant: str, dataset: str) -> ReviewStatus:
        """Where the review of its quarantined rows stands."""
        return await self._query(names.data_review_id(tenant, dataset), ReviewStatus)

    async def retention_status(self, tenant: str, dataset: str, version: int) -> RetentionStatus:
        """Until when its rows are kept, and what stops their removal."""
        return await self._query(names.retention_id(tenant, dataset, version), RetentionStatus)

    async def release_rows(self, tenant: str, dataset: str, ruling: RowRuling) -> ReviewStatus:
        """Let rows enter the dataset's next intake. Raises PolicyRefused with the gate's code."""
        return await self._update(names.data_review_id(tenant, dataset), "release", ruling, ReviewStatus)

    async def refuse_rows(self, tenant: str, dataset: str, ruling: RowRuling) -> ReviewStatus:
        """Keep rows out for good. Raises PolicyRefused with the gate's code."""
        return await self._update(names.data_review_id(tenant, dataset), "refuse", ruling, ReviewStatus)

    async def approve(self, tenant: str, model: str, version: int, approval: Approval) -> PromotionStatus:
        """Say yes. Raises PolicyRefused with the reason (stale diff, requester, not waiting)."""
        return await self._update(names.promotion_id(tenant, model, version), "approve", approval, PromotionStatus)

    async def reject(self, tenant: str, model: str, version: int, rejection: Rejection) -> PromotionStatus:
        """Say no; ends the promotion. Raises PolicyRefused."""
        return await self._update(names.promotion_id(tenant, model, version), "reject", rejection, PromotionStatus)

    async def override(self, tenant: str, model: str, version: int, override: Override) -> PromotionStatus:
        """Take named violations on oneself. Raises PolicyRefused."""
        return await self._update(names.promotion_id(tenant, model, version), "override", override, PromotionStatus)

    async def hold(self, workflow_id: str, hold: Hold) -> None:
        """Stop a lifecycle, promotion or rollout where it is."""
        await self._update(workflow_id, "hold", hold, Message)

    async def release(self, workflow_id: str, release: Release) -> None:
        """Let it go on. Raises PolicyRefused when it is not held."""
        await self._update(workflow_id, "release", release, Message)

    async def record_root_cause(self, tenant: str, model: str, version: int, cause: RootCause) -> RolloutStatus:
        """Close the incident of a rollback. Raises PolicyRefused when there is none."""
        id_ = names.rollout_id(tenant, model, version)
        return await self._update(id_, "record_root_cause", cause, RolloutStatus)

    async def _start(
        self, kind: str, request: Message, id_: str, answers: type[Answer]
    ) -> WorkflowHandle[object, Answer]:
        return await self.temporal.start_workflow(
            kind,
            request,
            id=id_,
            task_queue=names.CONTROL_QUEUE,
            result_type=answers,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def _query(self, id_: str, answers: type[Answer]) -> Answer:
        try:
            status: Answer = await self.temporal.get_workflow_handle(id_).query("status", result_type=answers)
        except RPCError as error:
            raise _not_found(id_, error) from error
        return status

    async def _told(self, id_: str, signal: str) -> bool:
        """Whether it still ran."""
        try:
            await self.temporal.get_workflow_handle(id_).signal(signal)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _update(self, id_: str, name: str, message: Message, answers: type[Answer]) -> Answer:
        handle = self.temporal.get_workflow_handle(id_)
        result_type = None if answers is Message else answers
        try:
            status: Answer = await handle.execute_update(name, message, result_type=result_type)
        except WorkflowUpdateFailedError as error:
            raise _refusal(id_, error.cause) from error
        except RPCError as error:
            raise _not_found(id_, error) from error
        return status


def _approval_id(query: ApprovalQuery) -> str:
    return names.data_approval_id(query.tenant, query.source.name, query.purpose, query.intake)


def _refusal(id_: str, cause: BaseException) -> PolicyRefused:
    """With the gate's code and remedy. The code stands before the sentence too, where only that is shown."""
    remedy = f"read the `status` query of {id_}"
    if not isinstance(cause, ApplicationError) or not cause.type:
        return PolicyRefused("UPDATE_REFUSED", str(cause), remedy)
    given = cause.details[0] if cause.details else None
    if isinstance(given, dict) and "remedy" in given:
        remedy = str(given["remedy"])
    return PolicyRefused(cause.type, cause.message.removeprefix(f"{cause.type}: "), remedy)


def _not_found(id_: str, error: RPCError) -> Exception:
    if error.status is not RPCStatusCode.NOT_FOUND:
        return error
    return NotFound(
        "WORKFLOW_NOT_FOUND", f"no running workflow {id_}", "see `temporal workflow list`; it may have ended already"
    )

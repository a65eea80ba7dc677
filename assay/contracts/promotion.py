"""Promotion: a model card, its diff against production, a decision, people, a pointer."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import BasePin, Digest, Message, Person, Reference, Sentence, Slug, Version
from assay.contracts.data import Purpose
from assay.contracts.evaluation import EvaluationResult
from assay.contracts.policy import Decision
from assay.contracts.training import TrainingResult

Role = Literal["owner", "safety", "legal", "risk"]
Stage = Literal["staging", "production", "archived"]


class ApprovalRules(Message):
    """Who must say yes, and until when. The release gate may ask for more, never for less."""

    roles_required: tuple[Role, ...] = Field(default=("owner",), max_length=16)
    deadline: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    override_window: timedelta = Field(
        default=timedelta(0), ge=timedelta(0), description="how long a refused review waits for an override"
    )


class PromotionRequest(Message):
    """Ask that a trained and evaluated version may serve one tenant's model."""

    tenant: Slug
    model: Slug
    version: Version
    run: str | None = Field(default=None, description="run id; None is the newest finished run of this version")
    report: Digest | None = Field(default=None, description="evaluation report; None is the newest about that run")
    purpose: Purpose = "train-tenant-model"
    rules: ApprovalRules = ApprovalRules()
    requested_by: Person


class PinnedPromotion(Message):
    """What is promoted: the request with run and evaluation as they are on record."""

    tenant: Slug
    model: Slug
    version: Version
    base: BasePin
    datasets: tuple[Digest, ...] = Field(min_length=1)
    training: TrainingResult
    evaluation: EvaluationResult
    purpose: Purpose = "train-tenant-model"
    rules: ApprovalRules = ApprovalRules()
    requested_by: Person


class CardDraft(Message):
    """Model card, and its diff against what is in production: the diff's digest is what reviewers sign."""

    card: Reference
    diff: Reference


class SignedVersion(Message):
    """A model version: adapter files, one OMS signature, in-toto statements over the same digest."""

    digest: Digest
    files: Reference
    signature: Reference
    statements: tuple[Reference, ...]


class Approval(Message):
    """One reviewer's yes to exactly what was read: the digest of the card diff."""

    reviewer: Person
    role: Role
    card_diff: Digest
    comment: str = Field(default="", max_length=2000)


class Rejection(Message):
    """One reviewer's no; it ends the promotion."""

    reviewer: Person
    role: Role
    card_diff: Digest
    reason: Sentence


class Override(Message):
    """A named person takes named overridable violations on themselves; recorded for ever."""

    reviewer: Person
    role: Role
    card_diff: Digest
    codes: tuple[str, ...] = Field(min_length=1, max_length=32)
    reason: Sentence


class Hold(Message):
    """Stop where it is until a release."""

    actor: Person
    reason: Sentence


class Release(Message):
    """Go on after a hold."""

    actor: Person


class PromotionCase(Message):
    """Everything a promotion gate looks at; facts that are not here are read from the registry."""

    request: PinnedPromotion
    card: CardDraft
    version: SignedVersion
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()


class PointerMove(Message):
    """Move (tenant, model, stage) to a version by compare-and-set, with an event row."""

    tenant: Slug
    model: Slug
    stage: Stage
    target: Digest | None
    expected: Digest | None = Field(description="what the pointer must hold now")
    actor: Person
    reason: Sentence
    decision_id: str | None = None
    key: str = Field(description="idempotency key: workflow id and step")


class PointerMoved(Message):
    """The pointer after the move."""

    target: Digest | None
    previous: Digest | None
    revision: int


class PointerQuery(Message):
    """Which pointer."""

    tenant: Slug
    model: Slug
    stage: Stage


class PromotionStatus(Message):
    """Where a promotion stands, as its `status` query answers."""

    stage: Literal[
        "drafting",
        "deciding",
        "awaiting override",
        "awaiting approval",
        "staged",
        "refused",
        "rejected",
        "expired",
        "failed",
    ] = "drafting"
    held: bool = False
    card: CardDraft | None = None
    version: SignedVersion | None = None
    decision: Decision | None = None
    release: Decision | None = None
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()
    rejection: Rejection | None = None
    reasons: tuple[str, ...] = ()


@activity.defn
def pin_promotion(request: PromotionRequest) -> PinnedPromotion:
    """Find run and evaluation of the tenant's own model in the registry.

    Raises NotFound (`RUN_UNKNOWN`, `REPORT_UNKNOWN`).
    """
    raise NotImplementedError


@activity.defn
def draft_card(request: PinnedPromotion) -> CardDraft:
    """Write the model card and its diff against production's card."""
    raise NotImplementedError


@activity.defn
def sign_version(request: PinnedPromotion) -> SignedVersion:
    """Sign the chosen adapter (OpenSSF Model Signing) and attest provenance and evaluation over the same digest.

    Idempotent: the same version is signed once. Raises IntegrityRefused.
    """
    raise NotImplementedError


@activity.defn
def register_version(case: PromotionCase) -> None:
    """Enter version, card, statements and lineage in the registry; the same case twice enters once."""
    raise NotImplementedError


@activity.defn
def decide_review(case: PromotionCase) -> Decision:
    """Ask the review gate, before people are asked: evaluation, card, signatures, template parity, open root cause.

    Raises PolicyUndefined, IntegrityRefused, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def decide_release(case: PromotionCase) -> Decision:
    """Ask the release gate, after people answered: all of the review gate and the quorum.

    Raises PolicyUndefined, IntegrityRefused, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def attest_decision(case: PromotionCase, decision: Decision) -> Reference:
    """Sign an in-toto statement (verification summary) of a gate decision over the version's digest, and store it.

    Raises IntegrityRefused (`DECISION_FOREIGN`).
    """
    raise NotImplementedError


@activity.defn
def move_pointer(move: PointerMove) -> PointerMoved:
    """Compare-and-set. Raises Conflict (`POINTER_MOVED`) when the pointer holds something else."""
    raise NotImplementedError


@activity.defn
def read_pointer(query: PointerQuery) -> PointerMoved:
    """What the pointer holds now (`previous` = before the last move)."""
    raise NotImplementedError

"""A data owner's approval of a use of a source, until a day; intake waits for it before it reads a byte."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field
from temporalio import activity

from assay.contracts.base import Digest, Message, Person, Reference, Sentence, Slug, Version, canonical_digest
from assay.contracts.data import Purpose, Source
from assay.contracts.policy import Decision
from assay.contracts.turn import RunId, WorkflowId

Terms = dict[str, Any]


class ApprovalQuery(Message):
    """Which use of which source. `intake` is named when an approval must be for one intake alone: `support-calls/1`."""

    tenant: Slug
    source: Source
    purpose: Purpose
    intake: str = Field(default="", max_length=128)

    @property
    def terms(self) -> Digest:
        """Digest of the terms that an owner approves: what the source states but where its bytes are.

        Fields that are left at their defaults are left out, so that later releases, which know more, find the same.
        """
        stated = self.source.model_dump(
            mode="json", exclude={"uri", "sha256", "dpia", "assessments"}, exclude_defaults=True
        )
        return canonical_digest(stated)


class Waiter(Message):
    """An intake that waits for an owner's answer."""

    workflow: WorkflowId
    run: RunId


class OwnerRequest(Message):
    """Ask the owner of a source. Input of `DataApproval`."""

    query: ApprovalQuery
    dataset: Slug
    version: Version
    deadline: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(days=14)
    remind_every: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(days=3)
    waiter: Waiter | None = None
    requested_by: Person


class OwnerApproval(Message):
    """An owner's yes to exactly the terms that were read, for these purposes, until a day."""

    owner: Person
    terms: Digest = Field(description="digest of the terms, as the `status` query gives it")
    scope: tuple[Purpose, ...] = Field(min_length=1)
    valid_until: AwareDatetime
    comment: str = Field(default="", max_length=2000)


class OwnerRejection(Message):
    """An owner's no."""

    owner: Person
    terms: Digest
    reason: Sentence


class ApprovalCase(Message):
    """What the gate is asked about, and what is signed."""

    request: OwnerRequest
    approval: OwnerApproval


class OwnerStatus(Message):
    """Where an owner's approval stands, as its `status` query answers; `terms` is what an answer must name."""

    stage: Literal["awaiting owner", "approved", "rejected", "expired", "failed"] = "awaiting owner"
    source: Source | None = None
    purpose: Purpose | None = None
    terms: Digest | None = None
    deadline: datetime | None = None
    reminders: int = 0
    statement: Reference | None = None
    reasons: tuple[str, ...] = ()


class OwnerAnswer(Message):
    """What a waiting intake is told, by its signal `owner_answered`."""

    terms: Digest
    approved: bool
    reasons: tuple[str, ...] = ()


class OwnerReminder(Message):
    """An intake waits for an owner."""

    tenant: Slug
    source: Slug
    deadline: datetime
    number: int


class Standing(Message):
    """The approval in force, if there is one."""

    statement: Reference | None = None


@activity.defn
def find_approval(query: ApprovalQuery) -> Standing:
    """A signed approval of these terms for this purpose that is in force now.

    What is on record is verified and put to the gate `data_approval` again; what does not pass is passed over.
    Raises PolicyUndefined, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def decide_approval(case: ApprovalCase) -> Decision:
    """Ask the gate `data_approval`. Raises PolicyUndefined, Unavailable."""
    raise NotImplementedError


@activity.defn
def attest_approval(case: ApprovalCase, decision: Decision) -> Reference:
    """Sign an in-toto statement of the approval over the terms' digest, store it and enter it in the registry.

    Raises IntegrityRefused (`DECISION_FOREIGN`).
    """
    raise NotImplementedError


@activity.defn
def remind_owner(reminder: OwnerReminder) -> None:
    """Say once more that an owner is waited for: one line of the log and one count of `assay_reminders`."""
    raise NotImplementedError

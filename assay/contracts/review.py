"""Review of quarantined rows: they wait for people, and are never trained on until they are released."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator
from temporalio import activity

from assay.contracts.base import Digest, Message, Person, Reference, Sentence, Slug
from assay.contracts.data import Purpose
from assay.contracts.policy import Decision
from assay.contracts.promotion import Role

RowState = Literal["waiting", "released", "refused"]
Verdict = Literal["release", "refuse"]


class ReviewQueue(Message):
    """Whose rows wait, and for which use: a release for one purpose says nothing about another."""

    tenant: Slug
    dataset: Slug
    purpose: Purpose = "train-tenant-model"


class ReviewRules(Message):
    """Until when people answer, and how often they are reminded. Which of them must, the gate says."""

    deadline: timedelta = Field(default=timedelta(days=30), gt=timedelta(0))
    remind_every: timedelta = Field(default=timedelta(days=3), gt=timedelta(0))


class RowRuling(Message):
    """One reviewer's word about rows: those named, or all that wait with a code. `read` is what was read of them."""

    purpose: Purpose = "train-tenant-model"
    reviewer: Person
    role: Role
    rows: tuple[Digest, ...] = Field(default=(), max_length=200)
    code: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]{1,63}$")
    reason: Sentence
    read: Digest = Field(description="digest of the reading that shows exactly these rows, as `assay data review` does")

    @model_validator(mode="after")
    def _selects(self) -> RowRuling:
        if bool(self.rows) == (self.code is not None):
            raise ValueError("name rows, or a code of which all rows are meant: one of the two")
        if len(set(self.rows)) != len(self.rows):
            raise ValueError("a row is named twice")
        return self


class Vote(Message):
    """A ruling as the review keeps it, until enough people gave the same about the same reading."""

    verdict: Verdict
    ruling: RowRuling


class ReviewCounts(Message):
    """Rows of one dataset by what became of them."""

    waiting: int = Field(default=0, ge=0)
    released: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)


class ReviewState(Message):
    """What a review carries into its next run."""

    deadline: datetime
    reminders: int = 0
    votes: tuple[Vote, ...] = ()
    settled: tuple[Digest, ...] = ()
    decisions: tuple[str, ...] = ()


class ReviewRequest(Message):
    """Have people decide about the rows of one dataset that wait."""

    tenant: Slug
    dataset: Slug
    rules: ReviewRules = ReviewRules()
    requested_by: Person
    resume: ReviewState | None = None


class ReviewStatus(Message):
    """Where a review stands, as its `status` query answers. `votes` are those that wait for more people."""

    stage: Literal["looking", "awaiting review", "reviewed", "expired", "failed"] = "looking"
    counts: ReviewCounts = ReviewCounts()
    votes: tuple[Vote, ...] = ()
    decisions: tuple[str, ...] = Field(default=(), description="ids of the last decisions that settled rows")
    deadline: datetime | None = None
    reminders: int = 0
    reasons: tuple[str, ...] = ()


class ReviewCase(Message):
    """What the gate is asked about: the last vote, and those before it about the same reading."""

    tenant: Slug
    dataset: Slug
    votes: tuple[Vote, ...] = Field(min_length=1)


class ReviewReminder(Message):
    """Rows wait, and nobody has answered."""

    tenant: Slug
    dataset: Slug
    waiting: int
    deadline: datetime
    number: int


@activity.defn
def count_rows(tenant: str, dataset: str) -> ReviewCounts:
    """How many rows of a dataset wait, over all purposes, and how many were decided on."""
    raise NotImplementedError


@activity.defn
def decide_rows(case: ReviewCase) -> Decision:
    """Ask the gate `data_review`. What it says about the rows is the record's.

    Raises PolicyUndefined, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def attest_rows(case: ReviewCase, decision: Decision) -> Reference:
    """Sign an in-toto statement of the decision over the reading's digest, and store it.

    Raises IntegrityRefused (`DECISION_FOREIGN`).
    """
    raise NotImplementedError


@activity.defn
def settle_rows(case: ReviewCase, statement: Reference) -> ReviewCounts:
    """Enter what was decided; the same case twice enters once. Raises Conflict (`QUARANTINE_DECIDED`)."""
    raise NotImplementedError


@activity.defn
def remind_reviewers(reminder: ReviewReminder) -> None:
    """Say once more that rows wait: one line of the log and one count of `assay_reminders`."""
    raise NotImplementedError

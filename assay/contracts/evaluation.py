"""Evaluation: arms answer a suite; the best checkpoint is chosen on one split and reported on another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import BasePin, Digest, Message, Person, Rate, Reference, Slug, Version
from assay.contracts.training import Candidate

Split = Literal["select", "report"]


class EvaluationRequest(Message):
    """Score the checkpoints of one run against their base on one suite."""

    tenant: Slug
    model: Slug
    version: Version
    suite: str = Field(description="path, file URL or blob:<hex> of the evaluation suite (JSONL)")
    run: str | None = Field(default=None, description="run id; None is the newest finished run of this version")
    requested_by: Person


class PinnedEvaluation(Message):
    """What is evaluated: the request with everything pinned."""

    tenant: Slug
    model: Slug
    version: Version
    base: BasePin
    template: Digest
    suite: Reference = Field(description="JSONL of evaluation rows")
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    requested_by: Person


class ArmJob(Message):
    """Let one arm answer one split. `candidate` None is the base."""

    tenant: Slug
    model: Slug
    base: BasePin
    template: Digest
    suite: Reference
    split: Split
    candidate: Candidate | None = None
    schema_decoding: bool = False


class ArmScores(Message):
    """What one arm did. `name` is `base`, `base+schema`, `step-40`, `step-40+schema`."""

    name: str
    split: Split
    adapter: Digest | None = None
    schema_decoding: bool = False
    rates: tuple[Rate, ...]
    samples: Reference
    seconds: float

    def rate(self, name: str) -> Rate:
        """The rate of that name; KeyError when this arm was not measured on it."""
        for rate in self.rates:
            if rate.name == name:
                return rate
        raise KeyError(name)


class PairedTest(Message):
    """Exact McNemar test of two arms on the same rows (McNemar 1947): wins and losses of `arm` against `against`."""

    rate: str
    arm: str
    against: str
    wins: int
    losses: int
    p_value: float


class ReportJob(Message):
    """Bind scores into one report."""

    request: PinnedEvaluation
    chosen: Candidate
    arms: tuple[ArmScores, ...]


class EvaluationResult(Message):
    """The report and the checkpoint it recommends."""

    report: Reference
    chosen: Candidate
    arms: tuple[ArmScores, ...]
    paired: tuple[PairedTest, ...] = ()
    template: Digest


class EvaluationStatus(Message):
    """Where an evaluation stands, as its `status` query answers."""

    stage: Literal["preparing", "selecting", "reporting", "evaluated", "failed"] = "preparing"
    arms_done: int = 0
    arms_total: int = 0
    result: EvaluationResult | None = None
    reasons: tuple[str, ...] = ()


@activity.defn
def pin_evaluation(request: EvaluationRequest) -> PinnedEvaluation:
    """Find the run, its base and its checkpoints in the registry, and store the suite.

    Raises NotFound (`RUN_UNKNOWN`), InputRefused (`SUITE_MALFORMED`, `SUITE_UNREADABLE`).
    """
    raise NotImplementedError


@activity.defn
async def evaluate_arm(job: ArmJob) -> ArmScores:
    """Load the adapter if there is one (verified), answer the split in batches, score. Heartbeats rows done.

    Raises IntegrityRefused, EngineRefused, Unavailable, InputRefused (suite).
    """
    raise NotImplementedError


@activity.defn
def choose_candidate(arms: tuple[ArmScores, ...]) -> Digest:
    """The adapter with the best score on the select split; ties go to the earlier step.

    Raises InputRefused when there is none.
    """
    raise NotImplementedError


@activity.defn
def write_report(job: ReportJob) -> EvaluationResult:
    """Store the report with paired tests; the same job twice gives the same digest."""
    raise NotImplementedError

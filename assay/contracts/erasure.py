"""Erasure: rows of a person, or rows whose time is over, made unreadable, and what was made from them withdrawn.

Nobody is named in here: a subject and its identifiers are keyed hashes (`assay erase hash`), rows stay in the registry
under the case, and everything that a workflow's history keeps is digests and counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator
from temporalio import activity

from assay.contracts.base import Digest, Message, Person, Reference, Sentence, Slug
from assay.contracts.policy import Decision
from assay.contracts.remains import Remains
from assay.contracts.training import TrainingRequest

KeyedHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="HMAC-SHA-256, as `assay erase hash` prints")]
Case = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}\.[0-9a-f]{12}$", description="acme.9f3c2a71d00b")]
Ground = Literal["erasure", "opt-out", "retention"]
OrderRole = Literal["privacy", "owner", "legal"]
Duration = Annotated[timedelta, Field(gt=timedelta(0))]
LAWFUL: timedelta = timedelta(days=30)
"""One month (GDPR, article 12(3)); the gate refuses more."""


class ErasureRequest(Message):
    """Remove rows and all that was made from them.

    Of a person: `subject`, the keyed hash of the id that rows carry, and `mentions`, keyed hashes of values that name
    the person elsewhere (an address, a name), whose rows a reviewer confirms. For retention: `dataset`, and of it
    `source` or the row ids in `rows`.
    """

    tenant: Slug
    ground: Ground = "erasure"
    subject: KeyedHash | None = None
    mentions: tuple[KeyedHash, ...] = Field(default=(), max_length=50)
    dataset: Digest | None = None
    source: Slug | None = None
    rows: tuple[Digest, ...] = Field(default=(), max_length=1000)
    suppress: bool = Field(default=True, description="intake refuses this person's rows from now on")
    retrain: bool = Field(default=False, description="start retraining without asking a person")
    deadline: Duration = LAWFUL
    reminders: tuple[Duration, ...] = Field(default=tuple(timedelta(days=n) for n in (14, 23, 28)), max_length=20)
    role: OrderRole = "privacy"
    requested_by: Person

    @model_validator(mode="after")
    def _selects_something(self) -> ErasureRequest:
        person = bool(self.subject or self.mentions)
        if person == (self.ground == "retention") or (self.dataset is not None) != (self.ground == "retention"):
            raise ValueError("a person's erasure names hashes, and retention a dataset")
        if self.ground == "retention" and bool(self.source) == bool(self.rows):
            raise ValueError("retention names a source of the dataset, or rows of it")
        return self


class CaseJob(Message):
    """What the activities of one case are told."""

    case: Case
    workflow: str = Field(description="id of the workflow that works on it")
    request: ErasureRequest
    decision_id: str = ""


class Rows(Message):
    """How many rows. `kept` may have been learnt from; `aside` were quarantined; `refused` never entered."""

    kept: int = 0
    aside: int = 0
    refused: int = 0


class FoundIn(Rows):
    """Rows of one dataset, as the registry lists them."""

    dataset: Digest
    gone: bool = Field(default=False, description="an earlier case destroyed it")
    replaced: Rows = Field(default=Rows(), description="those of a gone one that the version in its place has too")


class Found(Message):
    """What a search found. `mentioned` rows wait for a reviewer; of both kinds, those `waiting` are in no ledger."""

    own: tuple[FoundIn, ...] = ()
    mentioned: tuple[FoundIn, ...] = ()
    waiting: int = 0
    mentioned_waiting: int = 0


class Counts(Rows):
    """Datasets that hold rows, and the rows; what is counted in the version that replaced a dataset is so once."""

    datasets: int = 0


class Counted(Message):
    """What a search found, by number."""

    own: Counts = Counts()
    mentioned: Counts = Counts()


class Artifact(Message):
    """What was made from the rows: a dataset, run, checkpoint, adapter, version, report, card, statement or route."""

    name: str
    kind: str


class ModelName(Message):
    """One model of one tenant."""

    tenant: Slug
    model: Slug


class Withdrawn(Message):
    """What is unservable now. `revision` is the route table's from which no gateway answers with any of it."""

    found: Found
    artifacts: tuple[Artifact, ...] = ()
    models: tuple[ModelName, ...] = Field(default=(), description="models whose production or trial it was")
    workflows: tuple[str, ...] = Field(default=(), description="workflows of the same lineage, to be stopped")
    revision: int = 0
    gateways: int = 0
    unloaded: int = Field(default=0, description="adapters that engines were told to forget")
    milliseconds: float = Field(default=0, description="from the beginning of the search to the last gateway's word")


class StopNotice(Message):
    """Told to training, evaluation, promotion, rollout and lifecycle of the same lineage, by signal."""

    case: Case


class Replaced(Message):
    """What answers for a model now: `version` None is the base."""

    tenant: Slug
    model: Slug
    withdrawn: Digest | None
    version: Digest | None
    revision: int


class Held(Message):
    """Legal holds that stop removal."""

    holds: tuple[str, ...] = ()


class Shredded(Message):
    """What is destroyed of a case, by what it was, also by an earlier try; `folders` are those of this try."""

    shards: tuple[Digest, ...] = ()
    blobs: int = 0
    folders: int = 0
    ledger_rows: int = 0
    scrubbed: bool = True


class NewDataset(Message):
    """The dataset without the rows; None when nothing is left."""

    replaces: Digest
    dataset: Digest | None
    version: int | None = None
    rows: int = 0


class Retraining(Message):
    """A training that would replace a withdrawn one, and what it will cost by what the last one did."""

    tenant: Slug
    model: Slug
    version: int
    request: Reference = Field(description="stored TrainingRequest")
    steps: int
    seconds: float | None = None
    tokens_per_second: float | None = None


class Receipt(Message):
    """A signed in-toto statement in a DSSE envelope; nobody is named in it."""

    reference: Reference


class CaseDone(Message):
    """All that a receipt says. `found` is of each pass that found something else; the others are of all passes."""

    job: CaseJob
    decision: Decision | None = None
    found: tuple[Counted, ...] = ()
    withdrawn: Withdrawn | None = None
    replaced: tuple[Replaced, ...] = ()
    shredded: Shredded | None = None
    datasets: tuple[NewDataset, ...] = ()
    retraining: tuple[Retraining, ...] = ()
    remains: Remains = Remains()
    opened: datetime
    closed: datetime


class MentionsConfirmed(Message):
    """A reviewer read rows in which the person may only be mentioned, and judged these (`assay erase mentions`)."""

    case: Case
    reviewer: Person
    role: OrderRole
    rows: tuple[Digest, ...] = Field(default=(), max_length=1000, description="rows that are about this person")
    others: tuple[Digest, ...] = Field(default=(), max_length=1000, description="rows that are not, and stay")

    @model_validator(mode="after")
    def _says_one_thing_of_each(self) -> MentionsConfirmed:
        if not {*self.rows}.isdisjoint(self.others):
            raise ValueError("a row is about this person, or it is not")
        return self


class ErasureStatus(Message):
    """Where an erasure stands, as its `status` query answers."""

    stage: Literal[
        "deciding",
        "withdrawing",
        "stopping",
        "replacing",
        "held",
        "destroying",
        "awaiting confirmation",
        "verifying",
        "erased",
        "refused",
        "failed",
    ] = "deciding"
    case: str = ""
    found: Found = Found()
    artifacts: int = 0
    unservable_milliseconds: float | None = None
    replaced: tuple[Replaced, ...] = ()
    datasets: tuple[NewDataset, ...] = ()
    retraining: tuple[Retraining, ...] = ()
    holds: tuple[str, ...] = ()
    deadline: datetime | None = None
    reminders: int = 0
    overdue: bool = False
    receipt: Reference | None = None
    remains: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Reminder(Message):
    """Time that is left for a case; negative when it is late."""

    job: CaseJob
    stage: str
    days_left: float


class ConfirmJob(Message):
    """Take mentioned rows into the case that are about the person, and let those go that are not."""

    job: CaseJob
    confirmed: MentionsConfirmed


class HoldPlaced(Message):
    """A legal hold on a person or a dataset."""

    tenant: Slug
    subject: KeyedHash | None = None
    dataset: Digest | None = None
    reason: Sentence
    actor: Person


class SuppressionLifted(Message):
    """Somebody agrees again: intake may take rows with these hashes."""

    tenant: Slug
    hashes: tuple[KeyedHash, ...] = Field(min_length=1, max_length=1000)
    reason: Sentence
    actor: Person


@activity.defn
def decide_erasure(job: CaseJob) -> Decision:
    """Ask the erasure gate who may order this. Raises PolicyUndefined, Unavailable."""
    raise NotImplementedError


@activity.defn
async def withdraw_rows(job: CaseJob) -> Withdrawn:
    """Enter the case, find the rows by index, quarantine all that was made from them, take it out of every route.

    The order is: suppression list, search, quarantine (one transaction), route table with the base in the place of what
    is withdrawn, gateways, engines. Done again it finds the same rows, also those that an earlier case quarantined.

    Raises Unavailable.
    """
    raise NotImplementedError


@activity.defn
async def replace_routes(job: CaseJob, withdrawn: Withdrawn) -> tuple[Replaced, ...]:
    """Bring the newest clean version of each model back; where there is none the base stays.

    A version that does not verify or does not load any more is passed over. Raises PolicyUndefined, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def read_holds(job: CaseJob) -> Held:
    """Legal holds on the person or on a dataset with rows of this case."""
    raise NotImplementedError


@activity.defn
def reseal_datasets(job: CaseJob) -> tuple[NewDataset, ...]:
    """Write the shards that hold rows of the case again without them, and seal new dataset versions.

    From the surviving shards, never from the sources. The rows cannot be read in the new version; the old one stands
    until `shred_rows`. Raises IntegrityRefused, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def shred_rows(job: CaseJob, withdrawn: Withdrawn) -> Shredded:
    """Destroy keys of shards with rows of the case, weights and samples that were made from them, folders, and the
    rows' entries in the registry. Raises Unavailable, Conflict (`ERASURE_HELD`) when somebody placed a hold."""
    raise NotImplementedError


@activity.defn
def decide_mentions(job: ConfirmJob) -> Decision:
    """Ask the gate `mentions` whether this reviewer may say so of these rows. Raises PolicyUndefined, Unavailable."""
    raise NotImplementedError


@activity.defn
def confirm_rows(job: ConfirmJob) -> Found:
    """Rows that a reviewer confirmed become the person's own; returns what still waits."""
    raise NotImplementedError


@activity.defn
def plan_retraining(job: CaseJob, datasets: tuple[NewDataset, ...]) -> tuple[Retraining, ...]:
    """For every model that was withdrawn a training request on the new datasets, stored, with its cost."""
    raise NotImplementedError


@activity.defn
def search_stores(job: CaseJob) -> Remains:
    """A second search that shares no code with the first: every blob, every readable shard, the database, the folders
    and logs below the state folder. Raises Unavailable."""
    raise NotImplementedError


@activity.defn
async def search_serving(job: CaseJob) -> Remains:
    """What was withdrawn, in engines, what gateways have in force, and adapters on disk. Raises Unavailable."""
    raise NotImplementedError


@activity.defn
def read_training_request(planned: Retraining) -> TrainingRequest:
    """The stored request of a planned retraining. Raises NotFound, IntegrityRefused, Unavailable."""
    raise NotImplementedError


@activity.defn
def write_receipt(done: CaseDone) -> Receipt:
    """Sign what was found, done and verified, store it, close the case and forget its rows.

    Raises Conflict (`ERASURE_INCOMPLETE`) while something remains.
    """
    raise NotImplementedError


@activity.defn
def remind_erasure(reminder: Reminder) -> None:
    """Say how much time is left: a line in the log for people to see, and a metric."""
    raise NotImplementedError

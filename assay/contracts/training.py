"""Training: a recipe says how, a run spec pins what, a run record says what happened."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import BasePin, Digest, Message, Person, Reference, Slug, Version
from assay.contracts.data import Purpose, RowKind
from assay.contracts.policy import Decision

ALL_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class LoraSpec(Message):
    """Low-rank adaptation (Hu et al. 2021)."""

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ALL_PROJECTIONS


class MixShare(Message):
    """How many rows of one kind stand in every batch, and how the loss weighs them."""

    kind: RowKind
    rows_per_batch: int = Field(ge=0)
    first_token_weight: float = Field(default=1.0, gt=0)
    objective: Literal["cross-entropy", "kl-to-base"] = "cross-entropy"
    weight: float = Field(default=1.0, gt=0)


HEALTHY_MIX = (
    MixShare(kind="call", rows_per_batch=2, first_token_weight=4),
    MixShare(kind="refusal", rows_per_batch=2, first_token_weight=6),
    MixShare(kind="replay", rows_per_batch=2, first_token_weight=6, objective="kl-to-base", weight=2),
)


class Recipe(Message):
    """How to train, whatever the base and the data."""

    method: Literal["lora"] = "lora"
    objective: Literal["sft"] = "sft"
    lora: LoraSpec = LoraSpec()
    mix: tuple[MixShare, ...] = Field(default=HEALTHY_MIX, min_length=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=3, ge=0)
    max_steps: int = Field(default=58, ge=1)
    checkpoint_every: int = Field(default=10, ge=1, description="steps between durable checkpoints")
    candidates: int = Field(default=2, ge=1, description="how many of the last checkpoints are exported and compared")
    max_tokens: int = Field(default=256, ge=16, description="longer rows are left out, and counted")
    seed: int = 1
    data_seed: int = 1


class Budget(Message):
    """What a run may cost at the most; the training gate compares it with the tenant's allowance."""

    max_device_minutes: float = Field(default=60, gt=0)


class DatasetShare(Message):
    """A dataset and its share of the rows drawn."""

    dataset: Digest
    ratio: float = Field(default=1.0, gt=0, le=1)


class DatasetChoice(Message):
    """A sealed dataset of the tenant, as somebody asks for it."""

    dataset: str = Field(
        pattern=r"^(sha256:[0-9a-f]{64}|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[1-9][0-9]*)$",
        description="name/version as its intake was asked for, or its digest",
    )
    ratio: float = Field(default=1.0, gt=0, le=1)


class RunSpec(Message):
    """What is asked for, pinned to digests. `content_digest()` is the config hash."""

    base: BasePin
    datasets: tuple[DatasetShare, ...] = Field(min_length=1)
    template: Digest
    recipe: Recipe = Recipe()
    budget: Budget = Budget()


class TrainingRequest(Message):
    """Train one version of one tenant's model. Names are pinned to digests before the gate is asked."""

    tenant: Slug
    model: Slug
    version: Version
    base: str = Field(description="repository of a registered base model (its newest revision), or its digest")
    datasets: tuple[DatasetChoice, ...] = Field(min_length=1)
    template: Digest | None = Field(default=None, description="chat template; None is the one registered with the base")
    recipe: Recipe = Recipe()
    budget: Budget = Budget()
    purpose: Purpose = "train-tenant-model"
    requested_by: Person


class PinnedTraining(Message):
    """What is trained: the request with everything pinned."""

    tenant: Slug
    model: Slug
    version: Version
    spec: RunSpec
    purpose: Purpose = "train-tenant-model"
    requested_by: Person


class TrainJob(Message):
    """One run on one device. `run_id` names its durable folder: a retry goes on from the newest valid checkpoint."""

    run_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$", description="names a folder")
    request: PinnedTraining


class Candidate(Message):
    """An exported adapter. `adapter` is its model-signing root digest; `files` is the stored tree."""

    step: int = Field(ge=0)
    adapter: Digest
    files: Reference
    train_loss: float
    heldout_loss: float | None = None


class TrainingResult(Message):
    """What ran."""

    run_id: str
    config_hash: Digest
    record: Reference
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    steps: int
    resumed_from_step: int = Field(default=0, description="0 when it was never interrupted")
    attempts: int = 1
    loss_first: float
    loss_last: float
    tokens_per_second: float
    rows_too_long: int = 0


class StoredCheckpoint(Message):
    """A checkpoint in the blob store."""

    step: int
    tree: Digest


class TrainingProgress(Message):
    """Heartbeat of a run: what `temporal workflow describe` shows while it trains."""

    step: int
    max_steps: int
    loss: float | None = None
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    checkpoint_step: int | None = None
    checkpoint: Digest | None = None
    earlier: tuple[StoredCheckpoint, ...] = Field(default=(), description="still candidates, oldest first")
    resumed_from_step: int = 0
    kills: int = Field(default=0, ge=0, description="attempts that ended because somebody killed the trainer")
    device_seconds: float = Field(default=0.0, ge=0, description="how long trainers held the device, in all attempts")


class TrainingStatus(Message):
    """Where a training stands, as its `status` query answers."""

    stage: Literal["deciding", "training", "trained", "refused", "failed"] = "deciding"
    run_id: str | None = None
    config_hash: Digest | None = None
    result: TrainingResult | None = None
    reasons: tuple[str, ...] = ()


@activity.defn
def pin_training(request: TrainingRequest) -> PinnedTraining:
    """Resolve base, template and datasets in the registry. Raises NotFound (`BASE_UNKNOWN`, `DATASET_UNKNOWN`)."""
    raise NotImplementedError


@activity.defn
def decide_training(request: PinnedTraining) -> Decision:
    """Ask the training gate: the base's licence allows the use, datasets accepted for the purpose, budget.

    Raises PolicyUndefined, NotFound, Unavailable.
    """
    raise NotImplementedError


@activity.defn
def train(job: TrainJob) -> TrainingResult:
    """Run the trainer in a subprocess, heartbeat TrainingProgress, resume by itself.

    Raises TrainingFailed (tagged cause), IntegrityRefused (base or dataset bytes differ), NotFound.
    """
    raise NotImplementedError

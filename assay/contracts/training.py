"""Training: a recipe says how, a run spec pins what, a run record says what happened."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator
from temporalio import activity

from assay.contracts.base import BasePin, Digest, Message, Person, Reference, Slug, Version
from assay.contracts.data import Purpose, RowKind, Tier
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

    @field_validator("kind")
    @classmethod
    def _answers(cls, kind: RowKind) -> RowKind:
        if kind == "preference":
            raise ValueError("a preference is no answer to imitate: it needs preference tuning, not this recipe")
        return kind


HEALTHY_MIX = (
    MixShare(kind="call", rows_per_batch=2, first_token_weight=4),
    MixShare(kind="refusal", rows_per_batch=2, first_token_weight=6),
    MixShare(kind="replay", rows_per_batch=2, first_token_weight=6, objective="kl-to-base", weight=2),
)


class TierWeights(Message):
    """How often a row is drawn beside one of another tier and the same kind and dataset.

    Better rows more often, none left out: what DoReMi (Xie et al. 2023) does for domains, by the owner's own judgement.
    """

    human_gold: float = Field(default=3.0, gt=0)
    curated: float = Field(default=2.0, gt=0)
    scraped: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> TierWeights:
        if not self.human_gold >= self.curated >= self.scraped:
            raise ValueError("weights of tiers fall from human_gold to curated to scraped")
        return self

    def of(self, tier: Tier) -> float:
        """The weight of one tier."""
        weights: dict[Tier, float] = {
            "human-gold": self.human_gold,
            "curated": self.curated,
            "scraped": self.scraped,
        }
        return weights[tier]


class MixPart(Message):
    """Rows of one kind, source, tier and depth of one dataset, and how many of them a run is expected to draw."""

    dataset: Digest
    kind: RowKind
    source: Slug
    tier: Tier
    synthetic_depth: int = Field(ge=0)
    rows: int = Field(ge=1, description="in the dataset; those longer than `max_tokens` are left out when it is read")
    drawn: float = Field(ge=0)
    passes: float = Field(ge=0, description="how often each row is seen")


class MixTotal(Message):
    """Some of a plan's parts together. `share` is of all rows drawn."""

    rows: int = Field(ge=0)
    drawn: float = Field(ge=0)
    share: float = Field(ge=0, le=1)


class MixPlan(Message):
    """What a run will draw, before it draws: a pure function of recipe and datasets."""

    steps: int
    drawn: int = Field(description="rows of all batches")
    parts: tuple[MixPart, ...]
    human: MixTotal = Field(description="written by people: synthetic depth 0")
    gold: MixTotal = Field(description="written by people and verified: tier human-gold as well")
    synthetic: MixTotal = Field(description="written by a model")
    deepest: int = Field(ge=0, description="greatest synthetic depth that is drawn from")
    missing_kinds: tuple[RowKind, ...] = Field(default=(), description="kinds the recipe wants and no dataset has")


Cause = Literal["LOSS_NAN", "LOSS_SPIKE", "GRADIENT_EXPLODED", "SILENT_DIVERGENCE"]
"""What a run is watched for; also the code with which it fails."""
Action = Literal["fail", "roll-back", "keep-best"]
"""fail: the run ends with the cause. roll-back: it goes on from the last checkpoint before the trouble began, with a
lower learning rate. keep-best: it ends; its candidates are the checkpoints up to the one with the lowest held-out loss.
"""


class HealthRules(Message):
    """What a run is watched for, and what is done about it; None does not watch for it.

    Out of bounds is a value of more than `median + deviations * 1.4826 * MAD` over the `window` steps before (Hampel
    1974; 1.4826 makes the median absolute deviation estimate a standard deviation), `patience` steps in a row: one hard
    batch is no trouble. Gradient norms are compared by their logarithms. Going back with another course is what the
    authors of PaLM did about spikes (Chowdhery et al. 2022, section 5.1).

    Silent divergence is a held-out loss more than `held_out_rise` above its lowest in `patience` evaluations in a row
    (generalisation loss in successive strips: Prechelt 1998) while the training loss is lower than it was then.
    """

    loss_nan: Action = "fail"
    loss_spike: Action | None = "roll-back"
    gradient_exploded: Action | None = "roll-back"
    silent_divergence: Action | None = "keep-best"
    window: int = Field(default=20, ge=5)
    deviations: float = Field(default=10, gt=0)
    patience: int = Field(default=3, ge=1)
    held_out_rise: float = Field(default=0.05, ge=0)
    evaluate_every: int | None = Field(default=None, ge=1, description="steps; None: with every checkpoint")
    max_rollbacks: int = Field(default=2, ge=0, description="after so many, the cause fails the run")
    learning_rate_factor: float = Field(default=0.5, gt=0, lt=1, description="of every rollback, on the rate before")

    def action(self, cause: Cause) -> Action | None:
        """What is done about a cause."""
        actions: dict[Cause, Action | None] = {
            "LOSS_NAN": self.loss_nan,
            "LOSS_SPIKE": self.loss_spike,
            "GRADIENT_EXPLODED": self.gradient_exploded,
            "SILENT_DIVERGENCE": self.silent_divergence,
        }
        return actions[cause]


class Intervention(Message):
    """What was done about a cause. `learning_rate` is the peak rate from there on."""

    step: int = Field(ge=1, description="where it was seen")
    cause: Cause
    action: Action
    back_to: int = Field(ge=0, description="checkpoint gone on from, or the best one; 0 is the beginning")
    learning_rate: float


class Recipe(Message):
    """How to train, whatever the base and the data."""

    method: Literal["lora"] = "lora"
    objective: Literal["sft"] = "sft"
    lora: LoraSpec = LoraSpec()
    mix: tuple[MixShare, ...] = Field(default=HEALTHY_MIX, min_length=1)
    tiers: TierWeights | None = Field(default=TierWeights(), description="None draws rows of all tiers evenly")
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=3, ge=0)
    max_steps: int = Field(default=58, ge=1)
    checkpoint_every: int = Field(default=10, ge=1, description="steps between durable checkpoints")
    candidates: int = Field(default=2, ge=1, description="how many of the last checkpoints are exported and compared")
    max_tokens: int = Field(default=256, ge=16, description="longer rows are left out, and counted")
    seed: int = 1
    data_seed: int = 1
    health: HealthRules = HealthRules()

    @model_validator(mode="after")
    def _measure_every_checkpoint(self) -> Recipe:
        """The best checkpoint is known by its held-out loss, so each of the schedule must have one."""
        if self.checkpoint_every % (self.health.evaluate_every or 1):
            raise ValueError("health.evaluate_every must divide checkpoint_every")
        return self


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
    plan: MixPlan | None = Field(default=None, description="None where a dataset does not say what it is made of")


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


class PassedOver(Message):
    """A checkpoint that was not gone on from, and why."""

    step: int
    why: str


class TrainingResult(Message):
    """What ran. `cause` is that of the last intervention; a run without one was never in trouble."""

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
    cause: Cause | None = None
    interventions: tuple[Intervention, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


class StoredCheckpoint(Message):
    """A checkpoint in the blob store."""

    step: int
    tree: Digest
    heldout_loss: float | None = None


class TrainingProgress(Message):
    """Heartbeat of a run: what `temporal workflow describe` shows while it trains."""

    step: int
    max_steps: int
    loss: float | None = None
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    checkpoint_step: int | None = None
    checkpoint: Digest | None = None
    checkpoint_heldout_loss: float | None = None
    earlier: tuple[StoredCheckpoint, ...] = Field(default=(), description="still candidates, oldest first")
    resumed_from_step: int = 0
    kills: int = Field(default=0, ge=0, description="how often somebody killed the trainer since it last got on")
    interventions: tuple[Intervention, ...] = ()
    passed_over: tuple[PassedOver, ...] = Field(default=(), description="checkpoints that were torn or altered")
    device_seconds: float = Field(default=0.0, ge=0, description="how long trainers held the device, in all attempts")


class TrainingStatus(Message):
    """Where a training stands, as its `status` query answers. `cause` is the code of its trouble or failure."""

    stage: Literal["deciding", "training", "trained", "refused", "failed"] = "deciding"
    run_id: str | None = None
    config_hash: Digest | None = None
    plan: MixPlan | None = Field(default=None, description="what the run draws; known before the gate is asked")
    result: TrainingResult | None = None
    cause: str | None = None
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

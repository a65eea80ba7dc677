"""Rollout: route tables, canaries on live traffic, analysis, rollback, root causes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field
from temporalio import activity

from assay.contracts.base import BasePin, CodeCount, Digest, Message, Person, Sentence, Slug, Version

Percent = Annotated[float, Field(ge=0, le=100)]
Duration = Annotated[timedelta, Field(gt=timedelta(0))]


class Arm(Message):
    """A model version in a route. `version` None is the base model itself."""

    name: Literal["stable", "canary"]
    version: Digest | None
    adapter: str | None = Field(description="engine-side adapter name; None is the base")
    percent: Percent


class Shadow(Message):
    """A copy of this share of requests goes to this version; its answers are counted and thrown away."""

    version: Digest
    adapter: str
    percent: Percent


class Route(Message):
    """(tenant, model) -> arms whose percents add up to 100; the canary stands first, so that its cohort only grows."""

    tenant: Slug
    model: Slug
    base: BasePin
    arms: tuple[Arm, ...] = Field(min_length=1)
    shadow: Shadow | None = None
    warm: tuple[str, ...] = Field(default=(), description="adapters kept loaded without traffic: the previous version")


class RouteTable(Message):
    """What gateways serve from: immutable, swapped whole. `revision` only grows."""

    revision: int = Field(ge=0)
    routes: tuple[Route, ...] = ()
    denied: tuple[Digest, ...] = Field(default=(), description="revoked versions; never routed, whatever a route says")


class CanaryStep(Message):
    """Give the canary this share until it has answered enough to be judged."""

    percent: float = Field(gt=0, le=100)
    min_requests: int = Field(ge=1)


class AnalysisRules(Message):
    """When a canary is good, bad, or not yet known (Argo Rollouts' words)."""

    max_bad_rate: float = Field(default=0.05, gt=0, lt=1, description="tolerated share of bad answers")
    max_regression: float = Field(default=0.05, ge=0, lt=1, description="tolerated difference to the stable arm")
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="chance of aborting a good canary, over the whole rollout"
    )
    interval: Duration = timedelta(seconds=2)
    step_timeout: Duration = Field(default=timedelta(hours=1), description="no data by then is a failure")
    failure_limit: int = Field(default=0, ge=0, description="failed analyses that are forgiven")


class RolloutPlan(Message):
    """Shadow, then canary steps, then production."""

    shadow: CanaryStep | None = CanaryStep(percent=20, min_requests=20)
    canary: tuple[CanaryStep, ...] = (
        CanaryStep(percent=5, min_requests=20),
        CanaryStep(percent=25, min_requests=50),
        CanaryStep(percent=50, min_requests=100),
    )
    analysis: AnalysisRules = AnalysisRules()
    root_cause_deadline: Duration = timedelta(days=30)


class PinnedRollout(Message):
    """What is rolled out: the request with version and base as they are on record."""

    tenant: Slug
    model: Slug
    version: Version
    target: Digest
    base: BasePin


class RouteChange(Message):
    """Ask the compiler for a new table in which one route differs.

    `canary` None sends everything to `stable`; `stable` None is the base model. `stable` must be what the production
    pointer holds, and a canary of another version than `target` must not be under way. With `withdraw`, the trial of
    `target` ends and all else stays as the table in force has it; nothing happens when it is not on trial.
    """

    tenant: Slug
    model: Slug
    base: BasePin
    target: Digest = Field(description="the version whose rollout this is")
    stable: Digest | None
    canary: Digest | None = None
    canary_percent: Percent = 0
    shadow: Digest | None = None
    shadow_percent: Percent = 0
    warm: tuple[Digest, ...] = ()
    withdraw: bool = False
    actor: Person
    reason: Sentence
    key: str = Field(description="idempotency key: workflow id and step")


class RoutesPublished(Message):
    """A table in force: how many gateways confirmed it, and how long the flip took."""

    revision: int
    gateways: int
    decision_id: str
    flip_milliseconds: float


class WarmJob(Message):
    """Verify, load on every engine, probe."""

    tenant: Slug
    model: Slug
    base: BasePin
    version: Digest


class AnalysisJob(Message):
    """Judge one version by what gateways saw since a route revision."""

    tenant: Slug
    model: Slug
    version: Digest
    since_revision: int
    shadow: bool = False
    min_requests: int
    rules: AnalysisRules


class ArmObservation(Message):
    """What gateways counted for one arm since a route revision."""

    arm: Literal["stable", "canary", "shadow"]
    requests: int
    bad: int
    bad_by_reason: tuple[CodeCount, ...] = ()
    p95_milliseconds: float | None = None


class Analysis(Message):
    """Verdict of one look. `e_value` is evidence against the canary, valid at every look (Ville's inequality)."""

    verdict: Literal["successful", "failed", "inconclusive"]
    reason: str
    e_value: float
    observations: tuple[ArmObservation, ...]


class Incident(Message):
    """A rollback that waits for its root cause; promotion of this model is blocked meanwhile."""

    id: str
    tenant: Slug
    model: Slug
    version: Digest
    reason: Sentence


class RootCause(Message):
    """Why it happened and what was done; closes the incident."""

    actor: Person
    cause: Sentence
    action: Sentence


class RolloutStatus(Message):
    """Where a rollout stands, as its `status` query answers."""

    stage: Literal[
        "warming",
        "shadow",
        "canary",
        "promoting",
        "promoted",
        "rolling back",
        "awaiting root cause",
        "rolled back",
        "failed",
    ] = "warming"
    held: bool = False
    step: int = 0
    percent: float = 0
    route_revision: int | None = None
    analysis: Analysis | None = None
    incident: Incident | None = None
    root_cause: RootCause | None = None
    rollback: RoutesPublished | None = None
    reasons: tuple[str, ...] = ()


class RolloutState(Message):
    """What a rollout carries from one run to the next when it continues as new, in the middle of a step."""

    origin: str = Field(description="id of the first run: its idempotency keys are kept")
    pinned: PinnedRollout
    status: RolloutStatus
    stable: Digest | None
    since_revision: int = Field(description="route revision from which the evidence of this step counts")
    failures: int
    deadline: datetime


class RolloutRequest(Message):
    """Bring a staged version to production under live traffic."""

    tenant: Slug
    model: Slug
    version: Version
    target: Digest | None = Field(default=None, description="None is the version registered under this number")
    plan: RolloutPlan = RolloutPlan()
    requested_by: Person
    resume: RolloutState | None = Field(default=None, description="set by the workflow itself, never by a caller")


@activity.defn
def pin_rollout(request: RolloutRequest) -> PinnedRollout:
    """Find the version and its base in the registry. Raises NotFound (`VERSION_UNKNOWN`)."""
    raise NotImplementedError


@activity.defn
async def warm_version(job: WarmJob) -> None:
    """Verify signature and base pairing, check config and tensor shapes, load on every engine, golden probe.

    Raises IntegrityRefused, EngineRefused, Unavailable.
    """
    raise NotImplementedError


@activity.defn
async def cool_version(job: WarmJob) -> None:
    """Unload a version that no route uses; nothing happens when one does."""
    raise NotImplementedError


@activity.defn
async def permit_routes(change: RouteChange) -> str:
    """Ask the routes gate about a change before anything moves; returns the decision's id.

    Raises PolicyRefused (`ROUTE_REFUSED`), PolicyUndefined, Conflict (`ROLLOUT_RUNNING`), Unavailable.
    """
    raise NotImplementedError


@activity.defn
async def publish_routes(change: RouteChange) -> RoutesPublished:
    """Compile the next table under policy, store it, tell the gateways. Idempotent by `key`.

    Raises PolicyRefused (`ROUTE_REFUSED`), PolicyUndefined, Conflict (`ROLLOUT_RUNNING`, `STABLE_MOVED`), Unavailable.
    """
    raise NotImplementedError


@activity.defn
async def analyse_canary(job: AnalysisJob) -> Analysis:
    """One look at live traffic. No data is inconclusive, never a success."""
    raise NotImplementedError


@activity.defn
def open_incident(incident: Incident) -> None:
    """Record a rollback; blocks promotion of the model until its root cause is recorded."""
    raise NotImplementedError


@activity.defn
def close_incident(incident: Incident, cause: RootCause) -> None:
    """Record the root cause and unblock promotion."""
    raise NotImplementedError

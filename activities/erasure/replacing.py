"""What answers instead: the newest clean version that was in production before, or the base."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import takewhile
from typing import Final

from activities.policy.client import PolicyClient
from activities.serving.publishing import permit, publish
from assay.contracts.base import Digest
from assay.contracts.erasure import CaseJob, ModelName, Replaced
from assay.contracts.errors import AssayError, Conflict, IntegrityRefused, Unavailable
from assay.contracts.promotion import PointerMove, PointerMoved, PointerQuery, Stage
from assay.contracts.rollout import Route, RouteChange
from registry import Registry, VersionRecord
from registry.pointers import PointerEvent
from serving.routes import route_of

logger = logging.getLogger("assay.audit.erasures")
Warm = Callable[[VersionRecord], Awaitable[None]]
"""Verifies and loads a version on every engine; raises AssayError."""
_TRIES: Final = 4
"""Looks anew when somebody else moved the pointer or the routes meanwhile: a promotion moves them once."""


async def replace(registry: Registry, policy: PolicyClient, job: CaseJob, model: ModelName, warm: Warm) -> Replaced:
    """Clear the pointers of what was withdrawn, and bring the newest clean version back. Done again it changes nothing.

    After a kill it goes on where it was. Raises Unavailable (`PRODUCTION_MOVING` when others move the same pointer
    again and again), PolicyUndefined.
    """
    for _ in range(_TRIES):
        try:
            return await _replace(registry, policy, job, model, warm)
        except (Conflict, IntegrityRefused) as error:
            # Another case may withdraw a version while it is loaded here.
            if isinstance(error, IntegrityRefused) and error.code != "ARTIFACT_WITHDRAWN":
                raise
            logger.info("case %s: %s; looking again", job.case, error)
    raise Unavailable(
        "PRODUCTION_MOVING",
        f"production of {model.tenant}/{model.model} moves again and again",
        "nothing to do: it is tried again; see `assay models`",
    )


async def _replace(registry: Registry, policy: PolicyClient, job: CaseJob, model: ModelName, warm: Warm) -> Replaced:
    _point(registry, job, model, "staging", None)
    held = _production(registry, model).target
    mine = _moves(registry, job, model)
    gone = _gone(registry, (held, *(move.previous for move in mine)))
    taken_back = {move.previous for move in mine if move.target is None}
    wanted = [one for one in _earlier(registry, model) if one.digest not in taken_back]
    chosen = None
    for version in wanted if gone and not _answers(registry, model, held) else ():
        try:
            await warm(version)
        except AssayError as error:
            if error.retryable:
                raise
            logger.warning("case %s: %s does not come back: %s", job.case, version.digest, error)
            continue
        if _serve(registry, policy, job, version):
            chosen = version.digest
            break
    if gone and chosen is None and not _answers(registry, model, held):
        _point(registry, job, model, "production", None)
    now, revision = _production(registry, model).target, registry.routes.current().revision
    return Replaced(tenant=model.tenant, model=model.model, withdrawn=gone, version=now, revision=revision)


def _production(registry: Registry, model: ModelName) -> PointerMoved:
    return registry.pointers.read(PointerQuery(tenant=model.tenant, model=model.model, stage="production"))


def _moves(registry: Registry, job: CaseJob, model: ModelName) -> list[PointerEvent]:
    """What this case did to the production pointer since anybody else moved it, newest first."""
    events = [one for one in registry.pointers.events(model.tenant, model.model) if one.stage == "production"]
    return list(takewhile(lambda event: event.reason == _reason(job), reversed(events)))


def _gone(registry: Registry, held: Iterable[Digest | None]) -> Digest | None:
    """What was in production last and had to go: it is there still, or an earlier try has moved it away."""
    known = [one for one in held if one]
    gone = {one.name for one in registry.withdrawals.of(known)}
    return next((one for one in known if one in gone), None)


def _answers(registry: Registry, model: ModelName, held: Digest | None) -> bool:
    """Whether a version that the pointer holds is what the route gives: a kill may have come between the two."""
    route = route_of(registry.routes.current(), model.tenant, model.model)
    stable = {arm.version for arm in route.arms if arm.name == "stable"} if route else set()
    return held is not None and held in stable


def _earlier(registry: Registry, model: ModelName) -> list[VersionRecord]:
    """Versions that were in production, newest first, of which nothing is withdrawn."""
    events = registry.pointers.events(model.tenant, model.model)
    targets = [event.target for event in reversed(events) if event.stage == "production" and event.target]
    wanted: list[Digest] = list(dict.fromkeys(targets))
    gone = {one.name for one in registry.withdrawals.of(wanted)}
    known = {one.digest: one for one in registry.versions.list(tenant=model.tenant, model=model.model)}
    return [known[one] for one in wanted if one in known and one not in gone and not known[one].quarantined]


def _serve(registry: Registry, policy: PolicyClient, job: CaseJob, version: VersionRecord) -> bool:
    """Pointer first, then the table under the routes gate; one that the gate refuses is taken back."""
    model = ModelName(tenant=version.tenant, model=version.model)
    route = route_of(registry.routes.current(), model.tenant, model.model)
    if route is None:
        return False
    _point(registry, job, model, "production", version.digest)
    change = _change(registry, job, version, route)
    try:
        permit(registry, policy, change)
        publish(registry, policy, change)
    except AssayError as error:
        if error.retryable or isinstance(error, Conflict) or error.code == "ARTIFACT_WITHDRAWN":
            raise
        logger.warning("case %s: %s is not served again: %s", job.case, version.digest, error)
        _point(registry, job, model, "production", None)
        return False
    return True


def _change(registry: Registry, job: CaseJob, version: VersionRecord, route: Route) -> RouteChange:
    """The version as the stable arm. A trial of another clean one keeps its share until its rollout's next step, which
    ends it: the stable arm that it was compared with has moved."""
    model = ModelName(tenant=version.tenant, model=version.model)
    canary = next((arm for arm in route.arms if arm.name == "canary"), None)
    tried = canary.version if canary else route.shadow.version if route.shadow else None
    return RouteChange(
        tenant=version.tenant,
        model=version.model,
        base=version.base,
        target=tried or version.digest,
        stable=version.digest,
        canary=canary.version if canary else None,
        canary_percent=canary.percent if canary else 0,
        shadow=route.shadow.version if route.shadow else None,
        shadow_percent=route.shadow.percent if route.shadow else 0,
        actor=job.request.requested_by,
        reason=f"the clean version before what case {job.case} withdrew",
        # Of this move of the pointer: the same version may come back twice.
        key=f"{job.case}/{version.tenant}/{version.model}/production/{_production(registry, model).revision}",
    )


def _point(registry: Registry, job: CaseJob, model: ModelName, stage: Stage, target: Digest | None) -> None:
    """Move a pointer away from something withdrawn; a staging pointer that holds something clean stays."""
    where = PointerQuery(tenant=model.tenant, model=model.model, stage=stage)
    held = registry.pointers.read(where)
    if held.target == target:
        return
    if stage == "staging" and held.target is not None and not registry.withdrawals.of((held.target,)):
        return
    registry.pointers.move(
        PointerMove(
            tenant=model.tenant,
            model=model.model,
            stage=stage,
            target=target,
            expected=held.target,
            actor=job.request.requested_by,
            reason=_reason(job),
            decision_id=job.decision_id or None,
            key=f"{job.case}/{model.tenant}/{model.model}/{stage}/{held.revision}",
        )
    )


def _reason(job: CaseJob) -> str:
    return f"withdrawn by case {job.case}"

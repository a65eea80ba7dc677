"""What answers instead: the newest clean version that was in production before, or the base."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from activities.policy.client import PolicyClient
from activities.serving.publishing import permit, publish
from assay.contracts.base import Digest
from assay.contracts.erasure import CaseJob, ModelName, Replaced
from assay.contracts.errors import AssayError, Conflict
from assay.contracts.promotion import PointerMove, PointerQuery, Stage
from assay.contracts.rollout import RouteChange
from registry import Registry, VersionRecord
from serving.routes import route_of

logger = logging.getLogger("assay.audit.erasures")
Warm = Callable[[VersionRecord], Awaitable[None]]
"""Verifies and loads a version on every engine; raises AssayError."""


async def replace(registry: Registry, policy: PolicyClient, job: CaseJob, model: ModelName, warm: Warm) -> Replaced:
    """Clear the pointers of what was withdrawn, and bring the newest clean version back. Done again it changes nothing.

    Raises Unavailable, PolicyUndefined.
    """
    _point(registry, job, model, "staging", None)
    where = PointerQuery(tenant=model.tenant, model=model.model, stage="production")
    held = registry.pointers.read(where).target
    gone = held if held is not None and registry.withdrawals.of((held,)) else None
    chosen = None
    for version in _earlier(registry, model) if gone else ():
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
    if gone and chosen is None:
        _point(registry, job, model, "production", None)
    now = registry.pointers.read(where).target
    revision = registry.routes.current().revision
    return Replaced(tenant=model.tenant, model=model.model, withdrawn=gone, version=now, revision=revision)


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
    if route_of(registry.routes.current(), model.tenant, model.model) is None:
        return False
    _point(registry, job, model, "production", version.digest)
    change = RouteChange(
        tenant=version.tenant,
        model=version.model,
        base=version.base,
        target=version.digest,
        stable=version.digest,
        actor=job.request.requested_by,
        reason=f"the clean version before what case {job.case} withdrew",
        key=f"{job.case}/{version.tenant}/{version.model}/{version.digest}",
    )
    try:
        permit(registry, policy, change)
        publish(registry, policy, change)
    except AssayError as error:
        if error.retryable or isinstance(error, Conflict):
            raise
        logger.warning("case %s: %s is not served again: %s", job.case, version.digest, error)
        _point(registry, job, model, "production", None)
        return False
    return True


def _point(registry: Registry, job: CaseJob, model: ModelName, stage: Stage, target: Digest | None) -> None:
    """Move a pointer away from something withdrawn; one that holds something clean stays."""
    where = PointerQuery(tenant=model.tenant, model=model.model, stage=stage)
    held = registry.pointers.read(where)
    if held.target is None or held.target == target:
        return
    if target is None and not registry.withdrawals.of((held.target,)) and stage != "production":
        return
    registry.pointers.move(
        PointerMove(
            tenant=model.tenant,
            model=model.model,
            stage=stage,
            target=target,
            expected=held.target,
            actor=job.request.requested_by,
            reason=f"withdrawn by case {job.case}",
            decision_id=job.decision_id or None,
            key=f"{job.case}/{model.tenant}/{model.model}/{stage}/{held.revision}",
        )
    )

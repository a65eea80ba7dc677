"""The first thing that happens: find by index, quarantine, and a route table in which nothing of it answers."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from assay.contracts import names
from assay.contracts.erasure import Artifact, CaseJob, Found, ModelName, Withdrawn
from assay.contracts.errors import Conflict
from assay.contracts.rollout import RouteTable
from registry import Registry
from serving.routes import denying

logger = logging.getLogger("assay.audit.erasures")
_RUN_PARTS: Final = 4


def withdraw(registry: Registry, job: CaseJob) -> Withdrawn:
    """All in the registry, nothing but indexes: the answer's `revision` is the table that gateways have to take.

    Raises Unavailable.
    """
    request = job.request
    registry.erasures.open(job.case, job.workflow, request, job.decision_id)
    if request.suppress and (people := [one for one in (request.subject, *request.mentions) if one]):
        # Before the search: what an intake enters meanwhile is refused there, or found here.
        registry.suppression.add(request.tenant, people, job.case)
    found = registry.erasures.find(job.case, request)
    learnt = _learnt(found)
    gone = registry.withdrawals.withdraw(job.case, learnt) if learnt else ()
    artifacts = tuple(Artifact(name=one.name, kind=one.kind) for one in gone)
    table = _deny(registry, job, artifacts)
    logger.info("case %s: %d artifacts withdrawn, route table %d", job.case, len(artifacts), table.revision)
    return Withdrawn(
        found=found,
        artifacts=artifacts,
        models=_models(artifacts),
        workflows=_workflows(artifacts),
        revision=table.revision,
    )


def withdrawn_by_now(registry: Registry, job: CaseJob, before: tuple[Artifact, ...] = ()) -> tuple[Artifact, ...]:
    """What was withdrawn, and what inherited it since: a training that is stopping may have stored a checkpoint."""
    now = registry.withdrawals.below(_learnt(registry.erasures.found(job.case)))
    return tuple(dict.fromkeys((*before, *(Artifact(name=one.name, kind=one.kind) for one in now))))


def working(registry: Registry, job: CaseJob) -> dict[str, datetime]:
    """Ids of workflows that may be working on what is withdrawn by now, and before when they began if they do."""
    latest: dict[str, datetime] = {}
    for one in registry.withdrawals.below(_learnt(registry.erasures.found(job.case))):
        for id_ in _workflows((Artifact(name=one.name, kind=one.kind),)):
            latest[id_] = max(latest.get(id_, one.at), one.at)
    return latest


def _learnt(found: Found) -> list[str]:
    return [one.dataset for one in found.own if one.kept]


def _deny(registry: Registry, job: CaseJob, artifacts: tuple[Artifact, ...]) -> RouteTable:
    adapters = {one.name for one in artifacts if one.kind == "adapter"}
    registered = {version.digest for version in registry.versions.list()} if adapters else set()
    while True:
        current = registry.routes.current()
        routed = {arm.version for route in current.routes for arm in route.arms}
        routed |= {route.shadow.version for route in current.routes if route.shadow}
        table = denying(current, adapters & (registered | routed))
        if table is None:
            return current
        try:
            return registry.routes.publish(
                table,
                key=f"{job.case}/deny/{table.revision}",
                actor=job.request.requested_by,
                reason=f"withdrawn by case {job.case}",
                decision_id=job.decision_id,
            )
        except Conflict:
            logger.info("another route table came first; compiling again")


def _models(artifacts: tuple[Artifact, ...]) -> tuple[ModelName, ...]:
    named = (parts for parts in map(_parts, artifacts) if parts)
    return tuple(ModelName(tenant=t, model=m) for t, m in sorted({(t, m) for t, m, _ in named}))


def _workflows(artifacts: tuple[Artifact, ...]) -> tuple[str, ...]:
    """Ids of everything that may be working on these runs and versions; most of them ended long ago."""
    kinds = (names.training_id, names.evaluation_id, names.promotion_id, names.rollout_id, names.lifecycle_id)
    of = sorted({parts for parts in map(_parts, artifacts) if parts})
    return tuple(kind(tenant, model, version) for tenant, model, version in of for kind in kinds)


def _parts(artifact: Artifact) -> tuple[str, str, int] | None:
    """Tenant, model, number of a run (`acme.helpdesk.1.51d0e2aa17cc`) or a version (`version:acme/helpdesk/1`)."""
    if artifact.kind == "version":
        tenant, model, number = artifact.name.removeprefix("version:").split("/")
        return tenant, model, int(number)
    parts = artifact.name.split(".")
    if artifact.kind == "run" and len(parts) == _RUN_PARTS and parts[2].isdecimal():
        return parts[0], parts[1], int(parts[2])
    return None

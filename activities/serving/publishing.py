"""Route tables under policy: compiled from a change, decided, and put in force one after another."""

from __future__ import annotations

import logging

from activities.policy.client import PolicyClient
from activities.serving.facts import route_facts
from assay.contracts.errors import Conflict, PolicyRefused
from assay.contracts.promotion import PointerQuery
from assay.contracts.rollout import RouteChange, RouteTable
from registry import Registry
from serving.routes import compile_table, only_withdraws, pairs, route_of, versions_on_trial

logger = logging.getLogger("assay.routes")


def publish(registry: Registry, policy: PolicyClient, change: RouteChange) -> RouteTable:
    """Compile, decide, store; compiled anew when another table came first. The same key again changes nothing.

    Raises PolicyRefused (`ROUTE_REFUSED`), PolicyUndefined, Conflict (`ROLLOUT_RUNNING`, `STABLE_MOVED`),
    InputRefused (`ROUTE_INCOMPLETE`), Unavailable.
    """
    if (known := registry.routes.by_key(change.key)) is not None:
        return known
    while True:
        current = registry.routes.current()
        _check_turn(registry, current, change)
        table = compile_table(current, change)
        decision_id = _permitted(registry, policy, current, table, change)
        try:
            return registry.routes.publish(
                table, key=change.key, actor=change.actor, reason=change.reason, decision_id=decision_id
            )
        except Conflict:
            logger.info("another route table came first; compiling again")


def permit(registry: Registry, policy: PolicyClient, change: RouteChange) -> str:
    """Id of the decision that allows the change as things stand. Raises like `publish`, but Conflict."""
    current = registry.routes.current()
    return _permitted(registry, policy, current, compile_table(current, change), change)


def _check_turn(registry: Registry, current: RouteTable, change: RouteChange) -> None:
    """One rollout of a model at a time, and never over a production pointer that somebody else has moved."""
    others = versions_on_trial(route_of(current, change.tenant, change.model)) - {change.target}
    if others:
        raise Conflict(
            "ROLLOUT_RUNNING",
            f"{', '.join(sorted(map(str, others)))} is being rolled out for {change.tenant}/{change.model}",
            "let that rollout end, or cancel it; one whose workflow was terminated: start it again and cancel it",
        )
    where = PointerQuery(tenant=change.tenant, model=change.model, stage="production")
    if (production := registry.pointers.read(where).target) != change.stable:
        raise Conflict(
            "STABLE_MOVED",
            f"production of {change.tenant}/{change.model} is {production}, not {change.stable}",
            "start the rollout again: it reads the pointer anew",
        )


def _permitted(
    registry: Registry, policy: PolicyClient, current: RouteTable, table: RouteTable, change: RouteChange
) -> str:
    if only_withdraws(current, table, change):
        return registry.routes.decision_of(change.tenant, change.model)
    answer = policy.decide("routes", route_facts(registry, table.revision, pairs(table, change)))
    registry.decisions.add(answer.decision, change.target)
    if not answer.decision.allow:
        reasons = "; ".join(f"{v.code}: {v.msg}" for v in answer.decision.violations)
        raise PolicyRefused("ROUTE_REFUSED", reasons or "the routes gate did not allow it", "see the violations")
    return answer.decision.decision_id

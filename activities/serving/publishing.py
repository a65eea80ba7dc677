"""Route tables under policy: compiled from a change, decided, and put in force one after another."""

from __future__ import annotations

import logging

from activities.policy.client import PolicyClient
from activities.serving.facts import route_facts
from assay.contracts.errors import Conflict, PolicyRefused
from assay.contracts.promotion import PointerQuery
from assay.contracts.rollout import RouteChange, RouteTable
from registry import Registry
from serving.routes import compile_table, pairs, route_of, versions_on_trial, withdrawn

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
        if change.withdraw:
            table = withdrawn(current, change)
            if table is None:
                return current
            decision_id = registry.routes.decision_of(change.tenant, change.model)
        else:
            _check_stable(registry, change)
            table, decision_id = _decided(registry, policy, current, change)
        try:
            return registry.routes.publish(
                table, key=change.key, actor=change.actor, reason=change.reason, decision_id=decision_id
            )
        except Conflict:
            logger.info("another route table came first; compiling again")


def permit(registry: Registry, policy: PolicyClient, change: RouteChange) -> str:
    """Id of the decision that allows the change as things stand, before the pointer moves to its stable version.

    Raises PolicyRefused (`ROUTE_REFUSED`), PolicyUndefined, Conflict (`ROLLOUT_RUNNING`), Unavailable.
    """
    return _decided(registry, policy, registry.routes.current(), change)[1]


def _decided(
    registry: Registry, policy: PolicyClient, current: RouteTable, change: RouteChange
) -> tuple[RouteTable, str]:
    _check_turn(current, change)
    table = compile_table(current, change)
    answer = policy.decide("routes", route_facts(registry, current, table.revision, pairs(table, change)))
    registry.decisions.add(answer.decision, change.target)
    if not answer.decision.allow:
        reasons = "; ".join(f"{v.code}: {v.msg}" for v in answer.decision.violations)
        raise PolicyRefused("ROUTE_REFUSED", reasons or "the routes gate did not allow it", "see the violations")
    return table, answer.decision.decision_id


def _check_turn(current: RouteTable, change: RouteChange) -> None:
    """One rollout of a model at a time."""
    others = versions_on_trial(route_of(current, change.tenant, change.model)) - {change.target}
    if others:
        raise Conflict(
            "ROLLOUT_RUNNING",
            f"{', '.join(sorted(others))} is being rolled out for {change.tenant}/{change.model}",
            "let that rollout end, or cancel it; one whose workflow was terminated: start it again and cancel it",
        )


def _check_stable(registry: Registry, change: RouteChange) -> None:
    """Never over a production pointer that somebody else has moved."""
    where = PointerQuery(tenant=change.tenant, model=change.model, stage="production")
    if (production := registry.pointers.read(where).target) != change.stable:
        raise Conflict(
            "STABLE_MOVED",
            f"production of {change.tenant}/{change.model} is {production}, not {change.stable}",
            "start the rollout again: it reads the pointer anew",
        )

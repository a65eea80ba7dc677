"""The route compiler: pointers and percents in, the next immutable route table out. Pure functions.

What a tenant may use is decided by policy over `pairs()` before a table is published; the gateway only looks up.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from assay.contracts.base import BasePin
from assay.contracts.errors import InputRefused
from assay.contracts.names import adapter_name
from assay.contracts.rollout import Arm, Route, RouteChange, RouteTable, Shadow

Use = Literal["stable", "canary", "shadow", "warm"]


class Pair(NamedTuple):
    """One (tenant, version) that a table would let meet, and what for. `version` None is the base model."""

    tenant: str
    model: str
    use: Use
    version: str | None
    base: BasePin


def compile_table(current: RouteTable, change: RouteChange) -> RouteTable:
    """The table after `current` in which one route is replaced.

    The canary stands first, so that its cohort only grows with its percent (`serving.gateway.cohort`).

    Raises InputRefused (`ROUTE_INCOMPLETE`) when a percent has no version to go to.
    """
    if (change.canary_percent > 0) != (change.canary is not None) or (change.shadow_percent > 0) != (
        change.shadow is not None
    ):
        raise InputRefused("ROUTE_INCOMPLETE", "a percent and its version go together", "give both, or neither")
    others = tuple(r for r in current.routes if (r.tenant, r.model) != (change.tenant, change.model))
    routes = sorted((*others, _route(change)), key=lambda r: (r.tenant, r.model))
    return RouteTable(revision=current.revision + 1, routes=tuple(routes), denied=current.denied)


def _route(change: RouteChange) -> Route:
    def name(version: str | None) -> str | None:
        return adapter_name(change.tenant, change.model, version) if version else None

    arms = [Arm(name="stable", version=change.stable, adapter=name(change.stable), percent=100 - change.canary_percent)]
    if change.canary:
        canary = Arm(name="canary", version=change.canary, adapter=name(change.canary), percent=change.canary_percent)
        arms.insert(0, canary)
    shadow = None
    if change.shadow:
        adapter = adapter_name(change.tenant, change.model, change.shadow)
        shadow = Shadow(version=change.shadow, adapter=adapter, percent=change.shadow_percent)
    return Route(
        tenant=change.tenant,
        model=change.model,
        base=change.base,
        arms=tuple(arms),
        shadow=shadow,
        warm=tuple(adapter_name(change.tenant, change.model, version) for version in change.warm),
    )


def pairs(table: RouteTable, change: RouteChange) -> tuple[Pair, ...]:
    """Every pair of the changed route, for the routes gate."""
    route = route_of(table, change.tenant, change.model)
    assert route is not None
    found = [Pair(route.tenant, route.model, arm.name, arm.version, route.base) for arm in route.arms]
    if route.shadow:
        found.append(Pair(route.tenant, route.model, "shadow", route.shadow.version, route.base))
    found.extend(Pair(route.tenant, route.model, "warm", version, route.base) for version in change.warm)
    return tuple(found)


def only_withdraws(current: RouteTable, table: RouteTable, change: RouteChange) -> bool:
    """Whether the change only takes traffic from a canary or a shadow: a rollback.

    Such a change needs no new decision, so that a rollback never waits for a policy engine that is down. Everything
    else does: another stable version, a first or a larger share, one more adapter kept warm.
    """
    before, after = route_of(current, change.tenant, change.model), route_of(table, change.tenant, change.model)
    if before is None or after is None:
        return False
    return (
        (before.base, _stable(before)) == (after.base, _stable(after))
        and set(after.warm) <= set(before.warm)
        and all(_shares(before).get(tested, 0) >= percent for tested, percent in _shares(after).items())
    )


def versions_on_trial(route: Route | None) -> frozenset[str | None]:
    """Versions that are being tried in a route: its canary and its shadow."""
    return frozenset(version for _, version in _shares(route)) if route else frozenset()


def route_of(table: RouteTable, tenant: str, model: str) -> Route | None:
    """The route of one model, if it has one."""
    return next((r for r in table.routes if (r.tenant, r.model) == (tenant, model)), None)


def _stable(route: Route) -> str | None:
    return next((arm.version for arm in route.arms if arm.name == "stable"), None)


def _shares(route: Route) -> dict[tuple[str, str | None], float]:
    shares = {("canary", arm.version): arm.percent for arm in route.arms if arm.name == "canary"}
    if route.shadow:
        shares["shadow", route.shadow.version] = route.shadow.percent
    return shares


def adapters_needed(table: RouteTable) -> frozenset[str]:
    """Engine-side names that must be loaded for this table."""
    needed: set[str] = set()
    for route in table.routes:
        needed.update(arm.adapter for arm in route.arms if arm.adapter)
        needed.update(route.warm)
        if route.shadow:
            needed.add(route.shadow.adapter)
    return frozenset(needed)

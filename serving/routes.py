"""The route compiler: pointers and percents in, the next immutable route table out. Pure functions.

What a tenant may use is decided by policy over `pairs()` before a table is published; the gateway only looks up.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from assay.contracts.base import BasePin, Digest
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


def withdrawn(current: RouteTable, change: RouteChange) -> RouteTable | None:
    """The table without the trial of `change.target`: a rollback. None when it is not on trial.

    Stable arm and warm adapters stay as they are, so nothing is granted and no decision is needed: a rollback never
    waits for a policy engine that is down, nor for a pointer that somebody is moving.
    """
    route = route_of(current, change.tenant, change.model)
    if route is None or change.target not in versions_on_trial(route):
        return None
    stable = next(arm for arm in route.arms if arm.name == "stable")
    alone = route.model_copy(update={"arms": (stable.model_copy(update={"percent": 100}),), "shadow": None})
    routes = tuple(alone if one is route else one for one in current.routes)
    return RouteTable(revision=current.revision + 1, routes=routes, denied=current.denied)


def denying(current: RouteTable, versions: Collection[Digest]) -> RouteTable | None:
    """The table in which none of these versions answers, None when it is that one already.

    Their trials end, the base stands in for those in production, and the deny list keeps them out of later tables.
    Nothing is granted, so no decision of the routes gate is needed: what has to go does not wait for one.
    """
    gone = frozenset(versions)
    routes = tuple(_without(route, gone) for route in current.routes)
    denied = tuple(sorted(gone | set(current.denied)))
    if routes == current.routes and denied == tuple(sorted(current.denied)):
        return None
    return RouteTable(revision=current.revision + 1, routes=routes, denied=denied)


def _without(route: Route, gone: frozenset[Digest]) -> Route:
    tried = [arm for arm in route.arms if arm.name == "canary" and arm.version not in gone]
    stable = next(arm for arm in route.arms if arm.name == "stable")
    if stable.version in gone:
        stable = stable.model_copy(update={"version": None, "adapter": None})
    stable = stable.model_copy(update={"percent": 100 - sum(arm.percent for arm in tried)})
    shadow = route.shadow if route.shadow and route.shadow.version not in gone else None
    warm = tuple(name for name in route.warm if not carries(name, gone))
    return route.model_copy(update={"arms": (*tried, stable), "shadow": shadow, "warm": warm})


def carries(name: str, versions: Collection[Digest]) -> bool:
    """Whether an engine-side name is that of one of these versions, also while it is evaluated."""
    marks = {version.removeprefix("sha256:")[:12] for version in versions}
    return not marks.isdisjoint(name.split("."))


def versions_on_trial(route: Route | None) -> frozenset[str]:
    """Versions that are being tried in a route: its canary and its shadow."""
    if route is None:
        return frozenset()
    tried = {arm.version for arm in route.arms if arm.name == "canary"} | (
        {route.shadow.version} if route.shadow else set()
    )
    return frozenset(version for version in tried if version)


def route_of(table: RouteTable, tenant: str, model: str) -> Route | None:
    """The route of one model, if it has one."""
    return next((r for r in table.routes if (r.tenant, r.model) == (tenant, model)), None)


def adapters_needed(table: RouteTable) -> frozenset[str]:
    """Engine-side names that must be loaded for this table."""
    needed: set[str] = set()
    for route in table.routes:
        needed.update(arm.adapter for arm in route.arms if arm.adapter)
        needed.update(route.warm)
        if route.shadow:
            needed.add(route.shadow.adapter)
    return frozenset(needed)

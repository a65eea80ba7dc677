"""What one request looks things up in: an immutable view of the route table and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from assay.contracts.base import Digest
from assay.contracts.rollout import Arm, Route, RouteTable
from registry.keys import hash_key
from serving.engines.launcher import BASE_NAME
from serving.gateway import cohort
from serving.gateway.errors import Refusal, revoked, unknown_model, wrong_key

ArmName = Literal["stable", "canary", "shadow"]
NO_ADAPTER: Final = "none"
TargetKey = tuple[str, str, str, str, Digest | None]


@dataclass(frozen=True, slots=True)
class Target:
    """Exactly what answers: computed once a table, not once a request."""

    tenant: str
    model: str
    arm: ArmName
    version: Digest | None
    adapter: str | None
    base_revision: str
    base_digest: Digest
    revision: int
    upstream_model: str = field(init=False)
    """`base:adapter`. SGLang answers a bare adapter name from the base model, silently."""
    headers: tuple[tuple[bytes, bytes], ...] = field(init=False)
    """The stamp on every answer."""
    key: TargetKey = field(init=False)
    """What metrics tell apart."""

    def __post_init__(self) -> None:
        model = f"{BASE_NAME}:{self.adapter}" if self.adapter else BASE_NAME
        object.__setattr__(self, "upstream_model", model)
        headers = stamp(self.base_revision, self.version or NO_ADAPTER, self.arm, self.revision)
        object.__setattr__(self, "headers", headers)
        object.__setattr__(self, "key", (self.tenant, self.model, self.arm, self.base_revision, self.version))


def stamp(base: str, adapter: str, arm: str, revision: int) -> tuple[tuple[bytes, bytes], ...]:
    """The four headers that say what answered; `none` where nothing did."""
    return (
        (b"x-assay-base-revision", base.encode()),
        (b"x-assay-adapter", adapter.encode()),
        (b"x-assay-arm", arm.encode()),
        (b"x-assay-route-revision", str(revision).encode()),
    )


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """`arms` are (upper bucket, target), ascending; a None target is a revoked production version."""

    arms: tuple[tuple[int, Target | None], ...]
    shadow: Target | None
    shadow_share: float

    def pick(self, bucket: int) -> Target:
        """The arm of a bucket. Raises Refusal `version_revoked`."""
        target = next(target for upper, target in self.arms if bucket < upper)
        if target is None:
            raise revoked()
        return target


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the data path needs; never changed after it is built."""

    revision: int = -1
    routes: Mapping[tuple[str, str], CompiledRoute] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ready(self) -> bool:
        """Whether any table was ever taken."""
        return self.revision >= 0

    def tenant(self, key: str) -> tuple[str, str]:
        """(tenant, hash of the key). Looking up a hash tells nothing about keys through time. Raises Refusal."""
        if not self.ready:
            raise Refusal(503, "no_route_table", "The gateway has no routes yet.", "Try again when the stack is up.")
        digest = hash_key(key)
        tenant = self.keys.get(digest)
        if tenant is None:
            raise wrong_key()
        return tenant, digest

    def route(self, tenant: str, model: str) -> CompiledRoute:
        """The tenant's own route, by exact name. Raises Refusal `model_not_found`."""
        route = self.routes.get((tenant, model))
        if route is None:
            raise unknown_model(model)
        return route


def build(table: RouteTable, keys: Mapping[str, str]) -> Snapshot:
    """Compile a table for lookup. Versions on the deny list are taken out here, whatever a route says."""
    denied = frozenset(table.denied)
    routes = {(route.tenant, route.model): _compile(route, table.revision, denied) for route in table.routes}
    models: dict[str, list[str]] = {}
    for (tenant, model), route in sorted(routes.items()):
        if any(target is not None for _, target in route.arms):
            models.setdefault(tenant, []).append(model)
    return Snapshot(
        revision=table.revision,
        routes=MappingProxyType(routes),
        models=MappingProxyType({tenant: tuple(names) for tenant, names in models.items()}),
        keys=MappingProxyType(dict(keys)),
    )


def _compile(route: Route, revision: int, denied: frozenset[Digest]) -> CompiledRoute:
    """A revoked canary's share goes back to the stable arm; a revoked stable arm is refused, never replaced."""

    def target(arm: Arm) -> Target | None:
        if arm.version in denied:
            return None
        return _target(route, revision, arm.name, arm.version, arm.adapter)

    stable = next((target(arm) for arm in route.arms if arm.name == "stable"), None)
    upper, arms = 0, []
    for arm in route.arms:
        upper += cohort.limit(arm.percent)
        arms.append((upper, target(arm) or stable))
    arms[-1] = (cohort.BUCKETS, arms[-1][1])
    shadow = route.shadow if route.shadow and route.shadow.version not in denied else None
    return CompiledRoute(
        arms=tuple(arms),
        shadow=_target(route, revision, "shadow", shadow.version, shadow.adapter) if shadow else None,
        shadow_share=shadow.percent / 100 if shadow else 0.0,
    )


def _target(route: Route, revision: int, arm: ArmName, version: Digest | None, adapter: str | None) -> Target:
    if (version is None) != (adapter is None):
        # A version without an adapter name would be answered by the base: refuse the table, keep the last good one.
        raise ValueError(f"route {route.tenant}/{route.model}: version and adapter do not go together")
    return Target(
        tenant=route.tenant,
        model=route.model,
        arm=arm,
        version=version,
        adapter=adapter,
        base_revision=route.base.revision,
        base_digest=route.base.digest,
        revision=revision,
    )

"""Route tables: append-only revisions, one winner a revision, once a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.contracts.base import BasePin
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.rollout import Arm, Route, RouteTable, Shadow
from registry import Registry

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BASE = BasePin(repository="acme/base", revision="r1", digest="sha256:" + "0" * 64)


def table(revision: int, stable: str | None, shadow: str | None = None) -> RouteTable:
    arms = (Arm(name="stable", version=stable, adapter=stable, percent=100),)
    shadowed = Shadow(version=shadow, adapter=shadow, percent=10) if shadow else None
    return RouteTable(
        revision=revision, routes=(Route(tenant="acme", model="helpdesk", base=BASE, arms=arms, shadow=shadowed),)
    )


def publish(registry: Registry, one: RouteTable, key: str) -> RouteTable:
    return registry.routes.publish(one, key=key, actor="ann", reason="because", decision_id=f"decision {key}")


def test_the_table_in_force_is_the_last_published(registry: Registry) -> None:
    assert registry.routes.current() == RouteTable(revision=0)
    publish(registry, table(1, A), "first")
    publish(registry, table(2, B), "second")
    assert registry.routes.current() == registry.routes.at(2) == table(2, B)
    assert registry.routes.at(1) == table(1, A)
    assert registry.routes.decision_id(1) == "decision first"


def test_the_same_key_answers_the_table_of_then(registry: Registry) -> None:
    publish(registry, table(1, A), "first")
    publish(registry, table(2, B), "second")
    assert publish(registry, table(3, A), "first") == registry.routes.by_key("first") == table(1, A)
    assert registry.routes.current().revision == 2
    assert registry.routes.by_key("never") is None


@pytest.mark.parametrize("revision", [0, 1, 3])
def test_a_table_that_does_not_follow_is_refused(registry: Registry, revision: int) -> None:
    publish(registry, table(1, A), "first")
    with pytest.raises(Conflict, match="ROUTES_MOVED"):
        publish(registry, table(revision, B), "second")
    assert registry.routes.current() == table(1, A)


def test_of_many_compilers_at_once_one_wins(
    registry: Registry, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    def publisher(number: int) -> Callable[[], object]:
        return lambda: publish(registry, table(1, f"sha256:{number:064x}"), f"key {number}")

    answers = all_at_once([publisher(number) for number in range(6)])
    won = [answer for answer in answers if isinstance(answer, RouteTable)]
    assert len(won) == 1
    assert sum(isinstance(answer, Conflict) and answer.code == "ROUTES_MOVED" for answer in answers) == 5
    assert registry.routes.current() == won[0]


def test_a_retry_that_overtakes_itself_publishes_once(
    registry: Registry, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    assert all_at_once([lambda: publish(registry, table(1, A), "same")] * 6) == [table(1, A)] * 6


def test_a_revision_that_never_was_is_not_found(registry: Registry) -> None:
    for ask in (registry.routes.at, registry.routes.decision_id):
        with pytest.raises(NotFound, match="ROUTE_REVISION_UNKNOWN"):
            ask(7)


def test_lineage_names_the_revision_at_which_a_version_entered_an_arm(registry: Registry) -> None:
    publish(registry, table(1, None), "base")
    publish(registry, table(2, A, shadow=B), "shadow")
    publish(registry, table(3, A), "no shadow")
    publish(registry, table(4, B), "promoted")
    publish(registry, table(5, A), "rolled back")
    entered = {digest: [(n.name, n.relation) for n in registry.lineage.descendants(digest)] for digest in (A, B)}
    assert entered[A] == [("route:2", "became stable"), ("route:5", "became stable")]
    assert entered[B] == [("route:2", "became shadow"), ("route:4", "became stable")]

"""Route tables put in force on a real registry, decided by a real OPA: who may meet traffic, and when."""

from __future__ import annotations

from typing import Any

import pytest

from activities.policy.client import PolicyClient
from activities.serving.publishing import permit, publish
from assay.contracts.errors import Conflict, PolicyRefused, Unavailable
from assay.contracts.promotion import PointerMove, PromotionCase, Stage
from assay.contracts.rollout import Incident, RootCause, RouteChange

from .conftest import OpaServer
from .house import BASE, HEALTHY, House

AWAY = "http://127.0.0.1:9"


def change(key: str, target: str, **fields: Any) -> RouteChange:
    given = {"tenant": "acme", "model": "helpdesk", "base": BASE, "target": target, "stable": None}
    return RouteChange(**{**given, "actor": "ann", "reason": key, "key": key, **fields})


def canary(key: str, target: str, percent: float, **fields: Any) -> RouteChange:
    return change(key, target, canary=target, canary_percent=percent, **fields)


def point(house: House, stage: Stage, target: str | None, expected: str | None, model: str = "helpdesk") -> None:
    house.registry.pointers.move(
        PointerMove(
            tenant="acme",
            model=model,
            stage=stage,
            target=target,
            expected=expected,
            actor="ann",
            reason="a test",
            decision_id="d" if stage == "staging" else None,
            key=f"{model}/{stage}/{target}/{expected}",
        )
    )


def staged(house: House, version: int = 1, expected: str | None = None) -> PromotionCase:
    case = house.case(HEALTHY, version=version)
    point(house, "staging", case.version.digest, expected)
    return case


@pytest.fixture
def policy(house: House, opa: OpaServer) -> PolicyClient:
    return PolicyClient(opa.url, house.registry.blobs)


@pytest.fixture
def absent(house: House) -> PolicyClient:
    """The policy engine is down."""
    return PolicyClient(AWAY, house.registry.blobs)


def test_a_staged_version_meets_traffic_and_goes_into_production(house: House, policy: PolicyClient) -> None:
    digest = staged(house).version.digest
    assert publish(house.registry, policy, canary("1", digest, 5)).revision == 1
    promotion = change("2", digest, stable=digest)
    decision_id = permit(house.registry, policy, promotion)
    assert decision_id in {decision.decision_id for decision in house.registry.decisions.list(digest)}
    point(house, "production", digest, None)
    table = publish(house.registry, policy, promotion)
    assert [(arm.name, arm.version) for arm in table.routes[0].arms] == [("stable", digest)]


def test_the_same_change_twice_is_one_table(house: House, policy: PolicyClient) -> None:
    digest = staged(house).version.digest
    first = publish(house.registry, policy, canary("1", digest, 5))
    assert publish(house.registry, policy, canary("1", digest, 5)) == first
    assert house.registry.routes.current().revision == 1


@pytest.mark.parametrize("step", [canary, lambda key, target, _: change(key, target, stable=target)])
def test_a_version_that_was_only_registered_meets_nobody(house: House, policy: PolicyClient, step: Any) -> None:
    digest = house.case(HEALTHY).version.digest
    with pytest.raises(PolicyRefused, match="ROUTE_NOT_RELEASED") as refused:
        permit(house.registry, policy, step("1", digest, 5))
    assert "ROUTE_NOT_STAGED" in refused.value.message


def test_a_release_that_was_replaced_does_not_come_back_by_itself(house: House, policy: PolicyClient) -> None:
    old = staged(house).version.digest
    staged(house, version=2, expected=old)
    with pytest.raises(PolicyRefused) as refused:
        publish(house.registry, policy, canary("1", old, 5))
    assert refused.value.message.startswith("ROUTE_NOT_STAGED")


def test_an_open_root_cause_keeps_traffic_where_it_is(house: House, policy: PolicyClient) -> None:
    digest = staged(house).version.digest
    incident = Incident(id="i", tenant="acme", model="helpdesk", version=digest, reason="bad answers")
    house.registry.incidents.open(incident)
    with pytest.raises(PolicyRefused, match="ROUTE_ROOT_CAUSE_OPEN"):
        publish(house.registry, policy, canary("1", digest, 5))
    house.registry.incidents.close(incident, RootCause(actor="ann", cause="no replay", action="replay"))
    assert publish(house.registry, policy, canary("1", digest, 5)).revision == 1


def test_the_same_weights_are_released_for_each_model_by_itself(house: House, policy: PolicyClient) -> None:
    case = staged(house)
    digest = case.version.digest
    request = case.request.model_copy(update={"model": "concierge"})
    house.registry.versions.add(case.model_copy(update={"request": request}))
    elsewhere = canary("1", digest, 5, model="concierge")
    with pytest.raises(PolicyRefused, match="ROUTE_NOT_RELEASED"):
        publish(house.registry, policy, elsewhere)
    point(house, "staging", digest, None, model="concierge")
    assert publish(house.registry, policy, elsewhere).revision == 1


def test_while_opa_is_down_a_canary_does_not_grow_and_can_be_taken_back(
    house: House, policy: PolicyClient, absent: PolicyClient
) -> None:
    digest = staged(house).version.digest
    publish(house.registry, policy, canary("1", digest, 5))
    for wanted in (canary("2", digest, 50), change("3", digest, shadow=digest, shadow_percent=5)):
        with pytest.raises(Unavailable, match="OPA_UNREACHABLE"):
            publish(house.registry, absent, wanted)
    with pytest.raises(Unavailable, match="OPA_UNREACHABLE"):
        permit(house.registry, absent, change("4", digest, stable=digest))
    back = publish(house.registry, absent, change("5", digest, withdraw=True))
    assert [(arm.name, arm.version) for arm in back.routes[0].arms] == [("stable", None)]


def test_a_withdrawal_names_the_decision_that_allowed_the_route(house: House, policy: PolicyClient) -> None:
    digest = staged(house).version.digest
    publish(house.registry, policy, canary("1", digest, 5))
    decided = house.registry.routes.decision_id(1)
    other = staged(house, version=2, expected=digest).version.digest
    request = house.registry.versions.get(other).request.model_copy(update={"model": "concierge"})
    case = PromotionCase(
        request=request,
        card=house.registry.versions.get(other).card,
        version=house.registry.versions.get(other).signed,
    )
    house.registry.versions.add(case)
    point(house, "staging", other, None, model="concierge")
    publish(house.registry, policy, canary("2", other, 5, model="concierge"))
    publish(house.registry, policy, change("3", digest, withdraw=True))
    assert house.registry.routes.decision_id(3) == decided


def test_two_rollouts_of_one_model_do_not_meet(house: House, policy: PolicyClient) -> None:
    first = staged(house).version.digest
    publish(house.registry, policy, canary("1", first, 5))
    second = staged(house, version=2, expected=first).version.digest
    with pytest.raises(Conflict, match="ROLLOUT_RUNNING"):
        publish(house.registry, policy, canary("2", second, 5))
    with pytest.raises(Conflict, match="ROLLOUT_RUNNING"):
        permit(house.registry, policy, change("3", second, stable=second))  # before its pointer moves
    publish(house.registry, policy, change("4", first, withdraw=True))
    assert publish(house.registry, policy, canary("5", second, 5)).revision == 3


def test_a_version_staged_later_does_not_stop_the_one_on_trial(house: House, policy: PolicyClient) -> None:
    first = staged(house).version.digest
    publish(house.registry, policy, canary("1", first, 5))
    staged(house, version=2, expected=first)
    assert publish(house.registry, policy, canary("2", first, 50)).revision == 2
    assert permit(house.registry, policy, change("3", first, stable=first))


def test_a_withdrawal_of_what_is_not_on_trial_changes_nothing(house: House, absent: PolicyClient) -> None:
    digest = house.case(HEALTHY).version.digest
    assert publish(house.registry, absent, change("1", digest, withdraw=True)).revision == 0
    assert house.registry.routes.by_key("1") is None


def test_a_trial_is_withdrawn_whatever_the_pointer_holds_by_now(
    house: House, policy: PolicyClient, absent: PolicyClient
) -> None:
    digest = staged(house).version.digest
    publish(house.registry, policy, canary("1", digest, 5))
    point(house, "production", digest, None)
    back = publish(house.registry, absent, change("2", digest, withdraw=True))
    assert [(arm.name, arm.version) for arm in back.routes[0].arms] == [("stable", None)]


def test_a_pointer_that_somebody_moved_stops_the_rollout(house: House, policy: PolicyClient) -> None:
    digest = staged(house).version.digest
    publish(house.registry, policy, canary("1", digest, 5))
    point(house, "production", digest, None)
    with pytest.raises(Conflict, match="STABLE_MOVED"):
        publish(house.registry, policy, canary("2", digest, 50))

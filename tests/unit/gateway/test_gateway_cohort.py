"""Cohorts: sticky, monotone, independent between routes, and as large as the percent says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.base import BasePin
from assay.contracts.errors import AssayError
from assay.contracts.rollout import Arm, Route, RouteTable
from serving.gateway.cohort import ALGORITHM, BUCKETS, bucket
from serving.gateway.snapshot import CompiledRoute, build

BASE = BasePin(repository="org/base", revision="rev-1", digest="sha256:" + "b" * 64)
STABLE, CANARY = "sha256:" + "1" * 64, "sha256:" + "2" * 64
percents = st.floats(0, 100, allow_nan=False)


def compiled(percent: float, denied: tuple[str, ...] = ()) -> CompiledRoute:
    arms = (
        Arm(name="canary", version=CANARY, adapter="acme.m.2", percent=percent),
        Arm(name="stable", version=STABLE, adapter="acme.m.1", percent=100 - percent),
    )
    route = Route(tenant="acme", model="m", base=BASE, arms=arms)
    return build(RouteTable(revision=1, routes=(route,), denied=denied), {}).route("acme", "m")


@given(session=st.text(), low=percents, high=percents)
def test_a_growing_canary_keeps_every_session_it_has(session: str, low: float, high: float) -> None:
    low, high = sorted((low, high))
    at = bucket("acme", "m", session)
    if compiled(low).pick(at).arm == "canary":
        assert compiled(high).pick(at).arm == "canary"


@given(session=st.text(), percent=percents)
def test_a_session_stays_on_its_arm(session: str, percent: float) -> None:
    first = compiled(percent).pick(bucket("acme", "m", session))
    assert first == compiled(percent).pick(bucket("acme", "m", session))


@given(at=st.integers(0, BUCKETS - 1), percent=percents)
def test_every_bucket_has_an_arm(at: int, percent: float) -> None:
    assert compiled(percent).pick(at).version in (STABLE, CANARY)


@pytest.mark.parametrize("percent", [0.5, 5, 25, 50])
def test_the_canary_gets_its_share(percent: float) -> None:
    route = compiled(percent)
    hits = sum(route.pick(bucket("acme", "m", f"session-{n}")).arm == "canary" for n in range(20_000))
    assert hits / 20_000 == pytest.approx(percent / 100, abs=0.01)


def test_sessions_are_not_first_in_line_for_every_model() -> None:
    early = [f"s{n}" for n in range(5000) if bucket("acme", "m", f"s{n}") < 500]
    again = sum(bucket("acme", "other", session) < 500 for session in early)
    assert again / len(early) < 0.12


def test_the_bucketing_never_changes_under_its_name() -> None:
    assert ALGORITHM == "murmur3-32-seed0/10000/v1"
    assert [bucket("acme", "helpdesk", s) for s in ("", "alice", "ünïcode")] == [2470, 7892, 5420]


def test_a_revoked_canary_gives_its_cohort_back() -> None:
    assert compiled(50, denied=(CANARY,)).pick(0).arm == "stable"


def test_nothing_answers_in_place_of_a_revoked_production_version() -> None:
    route = compiled(50, denied=(STABLE,))
    assert route.pick(0).arm == "canary"
    with pytest.raises(AssayError, match="version_revoked"):
        route.pick(BUCKETS - 1)


def test_a_version_without_an_adapter_name_makes_the_table_unusable() -> None:
    route = Route(
        tenant="a", model="m", base=BASE, arms=(Arm(name="stable", version=STABLE, adapter=None, percent=100),)
    )
    with pytest.raises(ValueError, match="do not go together"):
        build(RouteTable(revision=1, routes=(route,)), {})

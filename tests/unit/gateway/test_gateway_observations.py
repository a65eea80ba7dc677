"""Counts: by revision, bounded, merged."""

from __future__ import annotations

from typing import Literal

import pytest

from assay.contracts.rollout import ArmObservation
from serving.gateway.observations import Observations, merged
from serving.gateway.snapshot import Target


def target(arm: Literal["stable", "canary", "shadow"] = "stable", revision: int = 1, letter: str = "a") -> Target:
    digest = "sha256:" + letter * 64
    return Target("acme", "helpdesk", arm, digest, "acme.helpdesk.x", "rev-1", "sha256:" + "b" * 64, revision)


def arms(report: dict[str, list[dict[str, object]]]) -> dict[str, ArmObservation]:
    return {str(arm["arm"]): ArmObservation.model_validate(arm) for arm in report["arms"]}


def test_only_what_was_seen_since_the_revision_counts() -> None:
    seen = Observations()
    seen.record(target(revision=1), {"ERROR"}, None)
    seen.record(target(revision=3), (), 0.1)
    seen.record(target(revision=4), {"EMPTY_ANSWER", "INVALID_JSON"}, 0.1)
    stable = arms(seen.report("acme", "helpdesk", 3))["stable"]
    assert (stable.requests, stable.bad) == (2, 1)
    assert {reason.code: reason.count for reason in stable.bad_by_reason} == {"EMPTY_ANSWER": 1, "INVALID_JSON": 1}


def test_versions_of_one_arm_are_told_apart() -> None:
    seen = Observations()
    seen.record(target(letter="a"), (), 0.1)
    seen.record(target(letter="c"), {"ERROR"}, None)
    versions = {one["version"][7]: one["bad"] for one in seen.report("acme", "helpdesk", 0)["versions"]}
    assert versions == {"a": 0, "c": 1}


def test_others_see_nothing_of_it() -> None:
    seen = Observations()
    seen.record(target(), (), 0.1)
    assert seen.report("globex", "helpdesk", 0) == {"arms": [], "versions": []}
    assert seen.report("acme", "other", 0) == {"arms": [], "versions": []}


def test_the_quantile_is_at_most_a_tenth_too_high() -> None:
    seen = Observations()
    for milliseconds in range(1, 101):
        seen.record(target(), (), milliseconds / 1000)
    p95 = arms(seen.report("acme", "helpdesk", 0))["stable"].p95_milliseconds
    assert p95 is not None
    assert 95 <= p95 <= 95 * 1.1


def test_memory_is_bounded() -> None:
    seen = Observations(most=10)
    for revision in range(100):
        seen.record(target(revision=revision), (), 0.1)
    assert arms(seen.report("acme", "helpdesk", 0))["stable"].requests == 10
    assert arms(seen.report("acme", "helpdesk", 99))["stable"].requests == 1


def test_processes_add_up() -> None:
    one, other = Observations(), Observations()
    one.record(target("canary"), {"ERROR"}, None)
    one.record(target("canary"), (), 0.1)
    other.record(target("canary"), {"ERROR", "EMPTY_ANSWER"}, 1.0)
    other.record(target("stable"), (), 0.2)
    whole = arms(merged([one.report("acme", "helpdesk", 0), other.report("acme", "helpdesk", 0)]))
    assert (whole["canary"].requests, whole["canary"].bad, whole["stable"].requests) == (3, 2, 1)
    assert {reason.code: reason.count for reason in whole["canary"].bad_by_reason} == {"ERROR": 2, "EMPTY_ANSWER": 1}
    assert whole["canary"].p95_milliseconds == pytest.approx(1000, rel=0.1)

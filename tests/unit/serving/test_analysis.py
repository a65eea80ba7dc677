"""Canary analysis: valid at every look, quick where it matters, never a success without data."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.rollout import AnalysisRules, ArmObservation
from serving.analysis import bounds, e_value, judge, log_evidence

RULES = AnalysisRules(max_bad_rate=0.1, max_regression=0.05, alpha=0.01)


def seen(arm: str, bad: int, requests: int) -> ArmObservation:
    return ArmObservation.model_validate({"arm": arm, "bad": bad, "requests": requests})


def test_no_data_is_never_a_success() -> None:
    assert judge(seen("canary", 0, 0), None, RULES, min_requests=1).verdict == "inconclusive"


def test_enough_good_answers_are_a_success() -> None:
    assert judge(seen("canary", 1, 40), seen("stable", 2, 100), RULES, min_requests=40).verdict == "successful"


def test_too_few_answers_are_inconclusive_however_good() -> None:
    assert judge(seen("canary", 0, 39), None, RULES, min_requests=40).verdict == "inconclusive"


def test_a_canary_that_always_fails_is_caught_within_eight_requests() -> None:
    needed = next(n for n in range(1, 100) if judge(seen("canary", n, n), None, RULES, 1).verdict == "failed")
    assert needed <= 8


def test_a_canary_as_bad_as_the_stable_arm_is_not_blamed() -> None:
    assert judge(seen("canary", 20, 50), seen("stable", 40, 100), RULES, min_requests=50).verdict != "failed"


def test_a_failure_names_its_reasons() -> None:
    canary = ArmObservation.model_validate(
        {"arm": "canary", "bad": 9, "requests": 10, "bad_by_reason": [{"code": "SPURIOUS_CALL", "count": 9}]}
    )
    reason = judge(canary, None, RULES, 1).reason
    assert reason.startswith("CANARY_BAD: 9 of 10")
    assert "SPURIOUS_CALL 9" in reason


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_observed_rate_lies_within_the_bounds(counts: tuple[int, int]) -> None:
    bad, requests = counts
    low, high = bounds(bad, requests, 0.05)
    assert 0 <= low <= bad / requests <= high <= 1


@given(st.integers(0, 60), st.floats(0.01, 0.99))
def test_evidence_is_a_martingale(requests: int, rate: float) -> None:
    """Averaged over the next answer it stays what it is: that is what makes looking again free."""
    import math

    for bad in range(requests + 1):
        now = math.exp(log_evidence(bad, requests, rate))
        following = rate * math.exp(log_evidence(bad + 1, requests + 1, rate))
        following += (1 - rate) * math.exp(log_evidence(bad, requests + 1, rate))
        assert following == pytest.approx(now, rel=1e-9)


def test_good_canaries_are_rarely_aborted_though_judged_after_every_request() -> None:
    """2,000 canaries at the tolerated rate, 150 looks each: at most alpha of them may ever fail (binomial slack)."""
    dice, aborted = random.Random(7), 0
    for _ in range(2000):
        bad = 0
        for requests in range(1, 151):
            bad += dice.random() < RULES.max_bad_rate
            if e_value(bad, requests, RULES.max_bad_rate) >= 1 / RULES.alpha:
                aborted += 1
                break
    assert aborted <= 2000 * RULES.alpha + 3 * (2000 * RULES.alpha) ** 0.5

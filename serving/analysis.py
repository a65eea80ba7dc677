"""Is a canary bad? A verdict that may be asked for after every request.

The controller looks again and again, so a fixed-n test would reject good canaries far more often than it says. For a
Bernoulli rate with s bad answers of n, the beta-binomial mixture with a Beta(1/2, 1/2) prior,

    M_n(p) = B(s + 1/2, n - s + 1/2) / B(1/2, 1/2) / (p^s (1-p)^(n-s)),

is a non-negative martingale with mean 1 when the true rate is p, so P(ever M_n(p) >= 1/alpha) <= alpha (Ville 1939;
Robbins 1970). The rates p with M_n(p) < 1/alpha form a confidence sequence, valid at every look at once
(Howard, Ramdas, McAuliffe, Sekhon 2021).
"""

from __future__ import annotations

import math
from typing import Final

from scipy.optimize import brentq
from scipy.special import betaln

from assay.contracts.rollout import Analysis, AnalysisRules, ArmObservation

_PRIOR: Final = 0.5
_LOG_NORM: Final = float(betaln(_PRIOR, _PRIOR))
_EDGE: Final = 1e-12


def log_evidence(bad: int, requests: int, rate: float) -> float:
    """log M_n(rate): evidence against `rate` being the true share of bad answers."""
    good = requests - bad
    rate = min(max(rate, _EDGE), 1 - _EDGE)
    mixture = float(betaln(bad + _PRIOR, good + _PRIOR)) - _LOG_NORM
    return mixture - bad * math.log(rate) - good * math.log1p(-rate)


def e_value(bad: int, requests: int, at_most: float) -> float:
    """Evidence against "the true rate is at most `at_most`": the least evidence against any rate in that range."""
    if requests == 0:
        return 1.0
    return math.exp(min(log_evidence(bad, requests, min(at_most, bad / requests)), 700.0))


def bounds(bad: int, requests: int, alpha: float) -> tuple[float, float]:
    """Confidence sequence (low, high) at level 1 - alpha; (0, 1) without data."""
    if requests == 0:
        return 0.0, 1.0
    observed, limit = bad / requests, -math.log(alpha)

    def beyond(rate: float) -> float:
        return log_evidence(bad, requests, rate) - limit

    low = brentq(beyond, _EDGE, observed) if bad and beyond(_EDGE) > 0 else 0.0
    high = brentq(beyond, observed, 1 - _EDGE) if bad < requests and beyond(1 - _EDGE) > 0 else 1.0
    return float(low), float(high)


def judge(canary: ArmObservation, stable: ArmObservation | None, rules: AnalysisRules, min_requests: int) -> Analysis:
    """One verdict.

    failed        the canary's rate is above `max_bad_rate`, and above the stable arm's by more than `max_regression`
                  when that arm has answered anything (each side at alpha / 2)
    successful    enough requests, and the observed rate is within both tolerances
    inconclusive  anything else; no data is never a success
    """
    observed = (canary,) if stable is None else (canary, stable)
    evidence = e_value(canary.bad, canary.requests, rules.max_bad_rate)
    low, _ = bounds(canary.bad, canary.requests, rules.alpha / 2)
    tolerated, reference = rules.max_bad_rate, ""
    if stable is not None and stable.requests:
        _, stable_high = bounds(stable.bad, stable.requests, rules.alpha / 2)
        if low > rules.max_bad_rate and low > stable_high + rules.max_regression:
            reference = f", the stable arm's at most {stable_high:.0%}"
        elif low > rules.max_bad_rate:
            return _verdict("inconclusive", canary, evidence, observed, "not yet told apart from the stable arm")
        tolerated = max(tolerated, stable.bad / stable.requests + rules.max_regression)
    if low > rules.max_bad_rate:
        why = ", ".join(f"{c.code} {c.count}" for c in canary.bad_by_reason)
        return _verdict("failed", canary, evidence, observed, f"its rate is at least {low:.0%}{reference} ({why})")
    if canary.requests < min_requests:
        return _verdict("inconclusive", canary, evidence, observed, f"{min_requests} requests are needed")
    if canary.bad / canary.requests > tolerated:
        return _verdict("inconclusive", canary, evidence, observed, f"above {tolerated:.0%}, but not surely")
    return _verdict("successful", canary, evidence, observed, f"within {tolerated:.0%}")


def _verdict(
    verdict: str, canary: ArmObservation, evidence: float, observed: tuple[ArmObservation, ...], why: str
) -> Analysis:
    code = {"failed": "CANARY_BAD", "successful": "CANARY_GOOD", "inconclusive": "CANARY_OPEN"}[verdict]
    reason = f"{code}: {canary.bad} of {canary.requests} {canary.arm} answers are bad; {why}"
    return Analysis.model_validate(
        {"verdict": verdict, "reason": reason, "e_value": evidence, "observations": observed}
    )

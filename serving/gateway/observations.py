"""What the gateway saw: bounded counts per (tenant, model, version, arm, route revision)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from assay.contracts.base import CodeCount
from assay.contracts.rollout import ArmObservation
from serving.gateway.judge import Choice, Sign, signs
from serving.gateway.repetition import Repetition
from serving.gateway.snapshot import ArmName, Target

MOST_SERIES: Final = 20_000
"""About 1 KiB each. Beyond it the oldest is forgotten, which can only make a verdict wait for more data."""
_STEP: Final = 1.1
_BUCKETS: Final = 140
"""1 ms · 1.1^k: reaches ten minutes, and a quantile is at most 10 % too high."""


class Series(NamedTuple):
    """What is counted apart."""

    tenant: str
    model: str
    version: str | None
    arm: ArmName
    revision: int


_EDGES: Final = tuple(_STEP**bucket for bucket in range(_BUCKETS))


@dataclass(slots=True)
class Counts:
    """One series. `latencies` is a histogram of the time to the first byte."""

    requests: int = 0
    bad: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add another series up into this one."""
        self.requests += other.requests
        self.bad += other.bad
        self.reasons.update(other.reasons)
        self.latencies.update(other.latencies)

    def quantile(self, share: float) -> float | None:
        """Upper edge in milliseconds of the bucket where `share` of the answers is reached."""
        rank, seen = share * self.latencies.total(), 0
        for bucket in sorted(self.latencies):
            seen += self.latencies[bucket]
            if seen >= rank:
                return float(_STEP**bucket)
        return None

    def observation(self, arm: ArmName) -> ArmObservation:
        """In the words of the contract."""
        return ArmObservation(
            arm=arm,
            requests=self.requests,
            bad=self.bad,
            bad_by_reason=tuple(CodeCount(code=code, count=count) for code, count in sorted(self.reasons.items())),
            p95_milliseconds=self.quantile(0.95),
        )


class Observations:
    """Written by the data path, read by the canary analysis. One event loop, so no lock."""

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._series: dict[Series, Counts] = {}
        self._most = most
        self._repetition = Repetition()

    def judge(self, target: Target, request: Mapping[str, Any], choices: Mapping[int, Choice]) -> frozenset[Sign]:
        """Signs of badness in one answer, alone and beside this version's earlier answers."""
        found = signs(request, choices)
        if self._repetition.repeats(target, request, choices):
            found |= {"REPEATED_ANSWER"}
        return found

    def record(self, target: Target, signs: Iterable[Sign], first_byte: float | None) -> None:
        """Count one judged answer; `first_byte` in seconds, None when there was no answer."""
        key = Series(target.tenant, target.model, target.version, target.arm, target.revision)
        counts = self._series.get(key)
        if counts is None:
            if len(self._series) >= self._most:
                del self._series[next(iter(self._series))]
            counts = self._series[key] = Counts()
        reasons = tuple(signs)
        counts.requests += 1
        if reasons:
            counts.bad += 1
            counts.reasons.update(reasons)
        if first_byte is not None:
            counts.latencies[_bucket(first_byte)] += 1

    def _since(self, tenant: str, model: str, revision: int) -> Iterator[tuple[Series, Counts]]:
        for key, counts in self._series.items():
            if (key.tenant, key.model) == (tenant, model) and key.revision >= revision:
                yield key, counts

    def report(self, tenant: str, model: str, since_revision: int) -> dict[str, Any]:
        """`arms`: ArmObservation by arm; `versions`: the same counts by version and arm, for people."""
        arms: dict[ArmName, Counts] = {}
        versions: dict[tuple[str, ArmName], Counts] = {}
        for key, counts in self._since(tenant, model, since_revision):
            arms.setdefault(key.arm, Counts()).add(counts)
            versions.setdefault((key.version or "base", key.arm), Counts()).add(counts)
        return {
            "arms": [counts.observation(arm).model_dump(mode="json") for arm, counts in sorted(arms.items())],
            "versions": [
                {"version": version, **counts.observation(arm).model_dump(mode="json")}
                for (version, arm), counts in sorted(versions.items())
            ],
        }


def merged(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Reports of several processes as one. Counts add up; of the quantiles the worst stands, since they do not add."""
    whole: dict[str, dict[tuple[str, str], dict[str, Any]]] = {"arms": {}, "versions": {}}
    for report in reports:
        for kind, known in whole.items():
            for one in report[kind]:
                key = (one["arm"], one.get("version", ""))
                known[key] = _added(known[key], one) if key in known else one
    return {kind: [known[key] for key in sorted(known)] for kind, known in whole.items()}


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    reasons: Counter[str] = Counter()
    for reason in (*one["bad_by_reason"], *other["bad_by_reason"]):
        reasons[reason["code"]] += reason["count"]
    return one | {
        "requests": one["requests"] + other["requests"],
        "bad": one["bad"] + other["bad"],
        "bad_by_reason": [{"code": code, "count": count} for code, count in sorted(reasons.items())],
        "p95_milliseconds": max(
            (each["p95_milliseconds"] for each in (one, other) if each["p95_milliseconds"] is not None), default=None
        ),
    }


def _bucket(seconds: float) -> int:
    return bisect_left(_EDGES, seconds * 1000)

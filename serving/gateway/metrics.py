"""Prometheus metrics. Labels name tenants: /metrics is for operators, see `serving.gateway.admin`."""

from __future__ import annotations

import os
from collections.abc import Set
from typing import Final, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.gateway.judge import Sign
from serving.gateway.snapshot import NO_ADAPTER, Target, TargetKey

_LABELS: Final = ("tenant", "model", "arm", "base_revision", "adapter")
MOST_CHILDREN: Final = 50_000
"""Series whose place is remembered; beyond it they are looked up anew."""
M = TypeVar("M", Counter, Histogram)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


def labels(target: Target) -> tuple[str, ...]:
    """Base revision and adapter are on every series, as on every answer."""
    return target.tenant, target.model, target.arm, target.base_revision, target.version or NO_ADAPTER


class Metrics:
    """All metrics of one gateway process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._arms: frozenset[tuple[str, str, str]] = frozenset()
        self._children: dict[tuple[object, TargetKey, str | None], Counter | Histogram] = {}
        self.answers = Counter("assay_gateway_answers", "Answers", (*_LABELS, "status"), registry=registry)
        self.refused = Counter("assay_gateway_refused", "Refused before routing", ("code",), registry=registry)
        self.bad = Counter("assay_gateway_bad_answers", "Answers with this sign", (*_LABELS, "sign"), registry=registry)
        self.first_byte = Histogram(
            "assay_gateway_first_byte_seconds", "Time to first byte", _LABELS, buckets=_SECONDS, registry=registry
        )
        self.tokens = Counter("assay_gateway_tokens", "Tokens metered", (*_LABELS, "kind"), registry=registry)
        self.shadow_dropped = Counter(
            "assay_gateway_shadow_dropped", "Shadow copies not sent: busy", ("tenant", "model"), registry=registry
        )
        self.revision = Gauge(
            "assay_gateway_route_revision", "Route revision in force", registry=registry, multiprocess_mode="livemin"
        )
        self.refreshed = Gauge(
            "assay_gateway_routes_refreshed_timestamp_seconds",
            "Unix time at which the control plane was last read",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.engines = Gauge(
            "assay_gateway_engines",
            "Engines by whether they answer",
            ("reachable",),
            registry=registry,
            multiprocess_mode="livemin",
        )

    def in_force(self, revision: int, arms: Set[tuple[str, str, str]]) -> None:
        """A table came into force that routes to these (tenant, model, adapter).

        Series of others are dropped, so that a gateway that sees a thousand versions come and go does not show them
        all for ever. Processes that share files can not drop any: there a restart does.
        """
        self.revision.set(revision)
        gone, self._arms = self._arms - arms, frozenset(arms)
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            return
        if gone:
            self._children.clear()  # a place that is remembered would be counted at, and shown nowhere
        for tenant, model, adapter in gone:
            for metric in (self.answers, self.bad, self.first_byte, self.tokens):
                metric.remove_by_labels({"tenant": tenant, "model": model, "adapter": adapter})

    def look(self, refreshed: float, reachable: int, engines: int) -> None:
        """What the gateway knows of those that it depends on; `refreshed` is Unix time."""
        self.refreshed.set(refreshed)
        self.engines.labels("true").set(reachable)
        self.engines.labels("false").set(engines - reachable)

    def answered(self, target: Target, status: int, signs: frozenset[Sign], first_byte: float | None) -> None:
        """Count one answer of an arm."""
        self._child(self.answers, target, str(status)).inc()
        for sign in signs:
            self._child(self.bad, target, sign).inc()
        if first_byte is not None:
            self._child(self.first_byte, target).observe(first_byte)

    def metered(self, target: Target, usage: dict[str, int]) -> None:
        """Count tokens, as the engine reports them."""
        for kind, label in (("prompt_tokens", "prompt"), ("completion_tokens", "completion")):
            self._child(self.tokens, target, label).inc(usage.get(kind) or 0)

    def _child(self, metric: M, target: Target, last: str | None = None) -> M:
        """The series of a target. Looking it up among the metric's own, under its lock, takes three times as long."""
        key = (metric, target.key, last)
        child = self._children.get(key)
        if child is None:
            if len(self._children) >= MOST_CHILDREN:
                self._children.clear()
            of = labels(target)
            child = self._children[key] = metric.labels(*of, last) if last else metric.labels(*of)
        return cast("M", child)

    def render(self) -> bytes:
        """Prometheus text; of all processes of this gateway when there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        whole = CollectorRegistry()
        MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
        return generate_latest(whole)

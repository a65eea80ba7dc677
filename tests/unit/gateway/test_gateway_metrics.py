"""The gateway's metrics stay as many as there are arms in force."""

from __future__ import annotations

from serving.gateway.metrics import Metrics
from serving.gateway.snapshot import Target


def target(letter: str) -> Target:
    digest = "sha256:" + letter * 64
    return Target("acme", "helpdesk", "stable", digest, f"acme.helpdesk.{letter}", "rev-1", "sha256:" + "b" * 64, 1)


def arms(*letters: str) -> set[tuple[str, str, str]]:
    return {("acme", "helpdesk", "sha256:" + letter * 64) for letter in letters}


def test_an_adapter_that_left_the_table_leaves_the_metrics() -> None:
    metrics = Metrics()
    metrics.in_force(1, arms("a", "c"))
    for letter in "ac":
        metrics.answered(target(letter), 200, frozenset({"EMPTY_ANSWER"}), 0.1)
    metrics.in_force(2, arms("c"))
    text = metrics.render().decode()
    assert "a" * 64 not in text
    assert text.count("c" * 64) > 10
    assert "assay_gateway_route_revision 2.0" in text


def test_what_the_gateway_depends_on_is_shown() -> None:
    metrics = Metrics()
    metrics.look(1_763_000_000.0, 1, 3)
    text = metrics.render().decode()
    assert 'assay_gateway_engines{reachable="false"} 2.0' in text
    assert "assay_gateway_routes_refreshed_timestamp_seconds 1.763e+09" in text

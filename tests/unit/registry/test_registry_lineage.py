"""Lineage both ways: rows -> dataset -> run -> checkpoint -> version -> routes."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.rollout import Arm, Route, RouteTable
from registry import Registry

Examples = Any  # the class stands in conftest.py, which tests do not import


@pytest.fixture
def whole(registry: Registry, examples: Examples) -> Registry:
    """A version in production, entered in the order in which a lifecycle enters it."""
    sha = examples.sha
    registry.lineage.link(
        sha("source"), sha("dataset"), "screened as tickets", parent_kind="source", child_kind="dataset"
    )
    entries = [examples.entry(1), examples.entry(2, "redacted"), examples.entry(3, "refused")]
    registry.datasets.add(examples.dataset(), examples.intake(), examples.ref("ledger"), entries)
    registry.runs.add(*examples.run())
    registry.evaluations.add(*examples.evaluation())
    registry.versions.add(examples.case())
    arms = (Arm(name="stable", version=sha("adapter"), adapter="acme.helpdesk.1", percent=100),)
    route = Route(tenant="acme", model="helpdesk", base=examples.base, arms=arms)
    registry.routes.publish(
        RouteTable(revision=1, routes=(route,)), key="k", actor="ann", reason="first", decision_id="d"
    )
    return registry


def test_a_source_leads_down_to_the_routes(whole: Registry, examples: Examples) -> None:
    nodes = whole.lineage.descendants(examples.sha("source"))
    assert [n.depth for n in nodes] == sorted(n.depth for n in nodes)
    assert {(n.depth, n.kind, n.relation) for n in nodes} == {
        (1, "dataset", "screened as tickets"),
        (2, "run", "trained with"),
        (3, "adapter", "checkpoint at step 10"),
        (3, "adapter", "checkpoint at step 20"),
        (4, "report", "compared in"),
        (4, "report", "chosen in"),
        (4, "card", "described by"),
        (4, "version", "registered as"),
        (5, "route", "became stable"),
    }


def test_a_route_leads_up_to_the_source_and_the_base(whole: Registry, examples: Examples) -> None:
    assert {(n.depth, n.kind, n.name) for n in whole.lineage.ancestors("route:1")} == {
        (1, "version", "version:acme/helpdesk/1"),
        (2, "adapter", examples.sha("adapter")),
        (3, "run", "acme.helpdesk.1.adapter"),
        (4, "base", examples.sha("base")),
        (4, "dataset", examples.sha("dataset")),
        (5, "source", examples.sha("source")),
    }


def test_a_middle_is_walked_both_ways(whole: Registry, examples: Examples) -> None:
    nodes = whole.lineage.tree(examples.sha("adapter"))
    kinds = {way: {n.kind for n in nodes if n.direction == way} for way in ("ancestor", "descendant")}
    assert kinds == {
        "ancestor": {"run", "dataset", "base", "source"},
        "descendant": {"report", "card", "version", "route"},
    }


@pytest.mark.parametrize(("row", "outcome"), [(1, "accepted"), (2, "redacted")])
def test_a_row_leads_to_everything_made_from_it(whole: Registry, examples: Examples, row: int, outcome: str) -> None:
    nodes = whole.lineage.tree(examples.sha(f"row {row}"))
    assert (nodes[0].kind, nodes[0].relation, nodes[0].name) == ("dataset", outcome, examples.sha("dataset"))
    assert {"run", "adapter", "version", "route"} <= {n.kind for n in nodes}


def test_a_refused_row_leads_to_its_dataset_only(whole: Registry, examples: Examples) -> None:
    (node,) = whole.lineage.tree(examples.sha("row 3"))
    assert (node.kind, node.relation) == ("dataset", "refused")


def test_the_compared_checkpoint_is_told_from_the_chosen_one(whole: Registry, examples: Examples) -> None:
    relations = {n.name: n.relation for n in whole.lineage.ancestors(examples.sha("report adapter")) if n.depth == 1}
    assert relations == {
        examples.sha("adapter"): "chosen in",
        examples.sha("adapter 10"): "compared in",
        examples.sha("suite"): "asked from",
    }


def test_adding_again_adds_no_edge(whole: Registry, examples: Examples) -> None:
    before = whole.lineage.tree(examples.sha("adapter"))
    whole.runs.add(*examples.run())
    whole.evaluations.add(*examples.evaluation())
    whole.versions.add(examples.case())
    assert whole.lineage.tree(examples.sha("adapter")) == before


def test_what_nobody_knows_has_no_lineage(registry: Registry) -> None:
    assert registry.lineage.tree("sha256:" + "0" * 64) == ()


def test_a_relation_may_name_the_longest_source(registry: Registry) -> None:
    registry.lineage.link("a", "b", f"screened as {'s' * 63}", parent_kind="source", child_kind="dataset")
    assert re.fullmatch("screened as s{63}", registry.lineage.tree("b")[0].relation)


NAMES = st.sampled_from("abcdef")
unused = count()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=st.sets(st.tuples(NAMES, NAMES), max_size=12))
def test_a_walk_meets_exactly_what_is_reachable_even_in_rings(registry: Registry, edges: set[tuple[str, str]]) -> None:
    seed = f"walk {next(unused)} "
    for parent, child in edges:
        registry.lineage.link(f"{seed}{parent}", f"{seed}{child}", "made", parent_kind="test", child_kind="test")
    distance: dict[str, int] = {}
    front, depth = {"a"}, 0
    while front:
        depth += 1
        front = {child for parent, child in edges if parent in front} - set(distance)
        distance |= dict.fromkeys(front, depth)
    met: dict[str, int] = {}
    for node in registry.lineage.descendants(f"{seed}a"):
        met.setdefault(node.name.removeprefix(seed), node.depth)
    assert met == distance

"""The route compiler: what a change does to the table, and what it grants."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.base import BasePin
from assay.contracts.errors import InputRefused
from assay.contracts.rollout import RouteChange, RouteTable
from serving.routes import adapters_needed, compile_table, only_withdraws, pairs, route_of, versions_on_trial

BASE = BasePin(repository="acme/base", revision="1", digest="sha256:" + "0" * 64)
OLD, NEW, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64


def change(**fields: Any) -> RouteChange:
    given = {
        "tenant": "acme",
        "model": "helpdesk",
        "base": BASE,
        "target": NEW,
        "stable": OLD,
        "actor": "ann",
        "reason": "r",
        "key": "k",
    }
    return RouteChange(**{**given, **fields})


def test_the_canary_stands_first_and_shares_add_up() -> None:
    table = compile_table(RouteTable(revision=4), change(canary=NEW, canary_percent=25))
    assert table.revision == 5
    assert [(arm.name, arm.percent) for arm in table.routes[0].arms] == [("canary", 25), ("stable", 75)]


def test_other_routes_stay_as_they_are() -> None:
    first = compile_table(RouteTable(revision=0), change(tenant="globex"))
    second = compile_table(first, change())
    assert [route.tenant for route in second.routes] == ["acme", "globex"]
    assert second.routes[1] == first.routes[0]


def test_without_a_stable_version_the_base_answers() -> None:
    [arm] = compile_table(RouteTable(revision=0), change(stable=None)).routes[0].arms
    assert (arm.version, arm.adapter) == (None, None)


@pytest.mark.parametrize("wrong", [{"canary": NEW}, {"canary_percent": 5}, {"shadow": NEW}, {"shadow_percent": 5}])
def test_a_share_without_a_version_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputRefused, match="go together"):
        compile_table(RouteTable(revision=0), change(**wrong))


def test_every_version_that_may_meet_traffic_is_asked_about() -> None:
    wanted = change(canary=NEW, canary_percent=5, shadow=NEW, shadow_percent=5, warm=(OLD,))
    found = pairs(compile_table(RouteTable(revision=0), wanted), wanted)
    assert [(pair.use, pair.version) for pair in found] == [
        ("canary", NEW),
        ("stable", OLD),
        ("shadow", NEW),
        ("warm", OLD),
    ]


def test_a_rollback_grants_nothing_new_and_a_promotion_does() -> None:
    before = compile_table(RouteTable(revision=0), change(canary=NEW, canary_percent=50))
    back, on = change(), change(stable=NEW, warm=(OLD,))
    assert only_withdraws(before, compile_table(before, back), back)
    assert not only_withdraws(before, compile_table(before, on), on)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"shadow": NEW, "shadow_percent": 20}, {"canary": NEW, "canary_percent": 5}),
        ({"canary": NEW, "canary_percent": 5}, {"canary": NEW, "canary_percent": 50}),
        ({"canary": NEW, "canary_percent": 50}, {"stable": NEW}),
        ({"canary": NEW, "canary_percent": 50}, {"canary": OTHER, "canary_percent": 50}),
        ({}, {"warm": (NEW,)}),
    ],
    ids=["shadow to canary", "larger canary", "canary to stable", "another canary", "one more warm"],
)
def test_more_traffic_is_asked_about_even_for_a_version_that_has_some(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    current, wanted = compile_table(RouteTable(revision=0), change(**before)), change(**after)
    assert not only_withdraws(current, compile_table(current, wanted), wanted)


def test_a_smaller_canary_is_a_withdrawal() -> None:
    current = compile_table(RouteTable(revision=0), change(canary=NEW, canary_percent=50))
    less = change(canary=NEW, canary_percent=5)
    assert only_withdraws(current, compile_table(current, less), less)


def test_what_is_being_tried_is_canary_and_shadow() -> None:
    trying = change(canary=NEW, canary_percent=50, shadow=OTHER, shadow_percent=5)
    table = compile_table(RouteTable(revision=0), trying)
    assert versions_on_trial(route_of(table, "acme", "helpdesk")) == {NEW, OTHER}
    assert versions_on_trial(route_of(table, "globex", "helpdesk")) == frozenset()


def test_a_first_route_is_never_a_withdrawal() -> None:
    empty = RouteTable(revision=0)
    assert not only_withdraws(empty, compile_table(empty, change()), change())


def test_another_base_is_a_new_grant() -> None:
    before = compile_table(RouteTable(revision=0), change())
    moved = change(base=BASE.model_copy(update={"digest": "sha256:" + "1" * 64}))
    assert not only_withdraws(before, compile_table(before, moved), moved)


def test_engines_need_every_adapter_of_the_table_but_not_the_base() -> None:
    table = compile_table(RouteTable(revision=0), change(canary=NEW, canary_percent=5, warm=(OLD,)))
    assert adapters_needed(table) == {"acme.helpdesk.aaaaaaaaaaaa", "acme.helpdesk.bbbbbbbbbbbb"}

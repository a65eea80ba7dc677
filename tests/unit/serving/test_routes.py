"""The route compiler: what a change does to the table, and what it grants."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.base import BasePin
from assay.contracts.errors import InputRefused
from assay.contracts.rollout import RouteChange, RouteTable
from serving.routes import adapters_needed, compile_table, pairs, route_of, versions_on_trial, withdrawn

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


def test_a_withdrawal_leaves_everything_but_the_trial() -> None:
    trying = change(canary=NEW, canary_percent=50, shadow=NEW, shadow_percent=5, warm=(OTHER,))
    current = compile_table(compile_table(RouteTable(revision=0), change(tenant="globex")), trying)
    table = withdrawn(current, change(withdraw=True))
    assert table is not None
    assert table.revision == 3
    [acme, globex] = table.routes
    assert [(arm.name, arm.version, arm.percent) for arm in acme.arms] == [("stable", OLD, 100)]
    assert (acme.shadow, acme.warm) == (None, current.routes[0].warm)
    assert globex == current.routes[1]


def test_there_is_nothing_to_withdraw_without_a_trial() -> None:
    empty = RouteTable(revision=0)
    served = compile_table(empty, change())
    anothers = compile_table(empty, change(canary=OTHER, canary_percent=5))
    for current in (empty, served, anothers):
        assert withdrawn(current, change(withdraw=True)) is None


def test_what_is_being_tried_is_canary_and_shadow() -> None:
    trying = change(canary=NEW, canary_percent=50, shadow=OTHER, shadow_percent=5)
    table = compile_table(RouteTable(revision=0), trying)
    assert versions_on_trial(route_of(table, "acme", "helpdesk")) == {NEW, OTHER}
    assert versions_on_trial(route_of(table, "globex", "helpdesk")) == frozenset()


def test_engines_need_every_adapter_of_the_table_but_not_the_base() -> None:
    table = compile_table(RouteTable(revision=0), change(canary=NEW, canary_percent=5, warm=(OLD,)))
    assert adapters_needed(table) == {"acme.helpdesk.aaaaaaaaaaaa", "acme.helpdesk.bbbbbbbbbbbb"}

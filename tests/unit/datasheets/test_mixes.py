"""What a run draws is known before it draws, from the recipe and what its datasets are made of."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from activities.data.mixes import Ingredient, mix_plan
from assay.contracts.datasheet import RowGroup
from assay.contracts.training import HEALTHY_MIX, MixShare, Recipe, TierWeights

FIRST, SECOND = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def group(kind: str, rows: int, **terms: Any) -> RowGroup:
    plain = {"source": kind, "licence": "MIT", "tier": "curated", "synthetic_depth": 0}
    return RowGroup(**{**plain, **terms}, kind=kind, rows=rows)


EXAMPLE = (
    group("call", 800),
    group("refusal", 300),
    group("replay", 273, synthetic_depth=1),
    group("call", 10, source="planted", tier="human-gold"),
)


def test_the_plan_of_the_example_keeps_people_above_the_floor() -> None:
    plan = mix_plan(Recipe(max_steps=48, tiers=None), [Ingredient(FIRST, 1, EXAMPLE)])
    assert (plan.drawn, plan.deepest, plan.missing_kinds) == (288, 1, ())
    assert (plan.human.share, plan.human.rows) == (pytest.approx(2 / 3, abs=1e-6), 1110)
    assert (plan.synthetic.drawn, plan.synthetic.rows) == (96, 273)
    assert plan.gold.drawn == pytest.approx(96 * 10 / 810, abs=1e-3)


def test_better_tiers_weigh_more() -> None:
    mix = (MixShare(kind="call", rows_per_batch=6),)
    tiers = ("human-gold", "curated", "scraped")
    groups = [group("call", 100, source=tier, tier=tier) for tier in tiers]
    plan = mix_plan(Recipe(mix=mix, max_steps=10), [Ingredient(FIRST, 1, groups)])
    assert {part.tier: part.drawn for part in plan.parts} == {"human-gold": 30, "curated": 20, "scraped": 10}
    even = mix_plan(Recipe(mix=mix, max_steps=10, tiers=None), [Ingredient(FIRST, 1, groups)])
    assert {part.drawn for part in even.parts} == {20}


def test_weights_of_tiers_never_prefer_what_is_worse() -> None:
    with pytest.raises(ValidationError, match="fall from human_gold"):
        TierWeights(human_gold=1, curated=2)


def test_datasets_take_part_by_their_ratio_where_they_have_the_kind() -> None:
    other = (group("call", 5),)
    plan = mix_plan(
        Recipe(mix=HEALTHY_MIX, max_steps=10), [Ingredient(FIRST, 0.75, EXAMPLE), Ingredient(SECOND, 0.25, other)]
    )
    drawn = {(part.dataset, part.kind): 0.0 for part in plan.parts}
    for part in plan.parts:
        drawn[part.dataset, part.kind] += part.drawn
    assert drawn[FIRST, "call"] == pytest.approx(15, abs=0.01)
    assert drawn[SECOND, "call"] == 5
    assert drawn[FIRST, "refusal"] == 20
    assert next(part.passes for part in plan.parts if part.dataset == SECOND) == 1


def test_a_kind_that_no_dataset_has_is_named_and_one_that_is_not_drawn_is_not() -> None:
    mix = (*HEALTHY_MIX[:1], MixShare(kind="refusal", rows_per_batch=0), HEALTHY_MIX[2])
    plan = mix_plan(Recipe(mix=mix, max_steps=10), [Ingredient(FIRST, 1, EXAMPLE[:2])])
    assert plan.missing_kinds == ("replay",)


def test_the_same_recipe_and_datasets_give_the_same_plan_whatever_their_order() -> None:
    recipe = Recipe()
    plans = {mix_plan(recipe, [Ingredient(FIRST, 1, groups)]).content_digest() for groups in (EXAMPLE, EXAMPLE[::-1])}
    assert len(plans) == 1

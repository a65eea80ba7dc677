"""What a run will draw: shares by dataset, source, tier and synthetic depth, before anything is built.

Every batch holds `rows_per_batch` rows of each kind. Within a kind, datasets take turns by their ratios; within a
dataset a row of tier t is drawn with a weight of w(t). So of a kind's draws a part of n rows gets

    ratio / (sum of ratios of datasets that have the kind)  *  w(t) n / (sum of w n over the parts of that dataset)

which is what `activities.training.rows.plan_batches` draws, up to the remainder of a turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from activities.data.manifest import composition_of, manifest_of
from assay.contracts.data import RowKind, Tier
from assay.contracts.datasheet import RowGroup
from assay.contracts.training import MixPart, MixPlan, MixTotal, Recipe, RunSpec
from registry import Registry


@dataclass(frozen=True)
class Ingredient:
    """A dataset that is drawn from, and what it is made of."""

    dataset: str
    ratio: float
    groups: Sequence[RowGroup]


def mix_plan(recipe: Recipe, ingredients: Sequence[Ingredient]) -> MixPlan:
    """The plan. Pure: the same recipe and datasets give the same plan."""
    parts: list[MixPart] = []
    missing: list[RowKind] = []
    for share in recipe.mix:
        drawn = share.rows_per_batch * recipe.max_steps
        found = list(_of_kind(share.kind, drawn, recipe, ingredients)) if drawn else []
        parts += found
        missing += [share.kind] if drawn and not found else []
    whole = sum(share.rows_per_batch for share in recipe.mix) * recipe.max_steps
    return MixPlan(
        steps=recipe.max_steps,
        drawn=whole,
        parts=tuple(parts),
        human=_total(parts, whole, lambda part: part.synthetic_depth == 0),
        gold=_total(parts, whole, lambda part: part.synthetic_depth == 0 and part.tier == "human-gold"),
        synthetic=_total(parts, whole, lambda part: part.synthetic_depth > 0),
        deepest=max((part.synthetic_depth for part in parts), default=0),
        missing_kinds=tuple(missing),
    )


def plan_of(registry: Registry, spec: RunSpec) -> MixPlan:
    """The plan of a pinned run.

    Raises NotFound (`DATASET_UNKNOWN`), IntegrityRefused (`COMPOSITION_MISSING`, `MANIFEST_MALFORMED`), Unavailable.
    """
    ingredients = []
    for share in spec.datasets:
        record = registry.datasets.get(share.dataset)
        ingredients.append(Ingredient(share.dataset, share.ratio, composition_of(manifest_of(registry, record))))
    return mix_plan(spec.recipe, ingredients)


def _of_kind(kind: RowKind, drawn: int, recipe: Recipe, ingredients: Sequence[Ingredient]) -> Iterator[MixPart]:
    having = [(one, _merged(one.groups, kind)) for one in ingredients]
    having = [(one, rows) for one, rows in having if rows]
    ratios = sum(one.ratio for one, _ in having)
    for one, rows in having:
        weights = {key: _weight(recipe, key[1]) * count for key, count in rows.items()}
        for key, count in sorted(rows.items()):
            expected = drawn * one.ratio / ratios * weights[key] / sum(weights.values())
            source, tier, depth = key
            yield MixPart(
                dataset=one.dataset,
                kind=kind,
                source=source,
                tier=tier,
                synthetic_depth=depth,
                rows=count,
                drawn=round(expected, 3),
                passes=round(expected / count, 3),
            )


def _merged(groups: Iterable[RowGroup], kind: RowKind) -> dict[tuple[str, Tier, int], int]:
    rows: dict[tuple[str, Tier, int], int] = defaultdict(int)
    for group in groups:
        if group.kind == kind:
            rows[group.source, group.tier, group.synthetic_depth] += group.rows
    return dict(rows)


def _weight(recipe: Recipe, tier: Tier) -> float:
    return recipe.tiers.of(tier) if recipe.tiers else 1.0


def _total(parts: Iterable[MixPart], whole: int, belongs: Callable[[MixPart], bool]) -> MixTotal:
    chosen = [part for part in parts if belongs(part)]
    drawn = sum(part.drawn for part in chosen)
    return MixTotal(
        rows=sum(part.rows for part in chosen),
        drawn=round(drawn, 3),
        share=min(1.0, round(drawn / whole, 6)) if whole else 0.0,
    )

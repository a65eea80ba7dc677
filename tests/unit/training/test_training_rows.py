"""Every batch has its mix, every plan can be made again, every prompt is the engine's."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from activities.data.mixes import Ingredient, mix_plan
from activities.training import rows
from activities.training.job import RowSource
from activities.training.rows import Example
from assay.contracts.data import RowKind, Tier
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import InputRefused, TrainingFailed
from assay.contracts.training import HEALTHY_MIX, MixShare, Recipe, TierWeights
from serving import template

KINDS: tuple[RowKind, ...] = ("call", "refusal", "replay")
TIERS: tuple[Tier, ...] = ("human-gold", "curated", "scraped")
DIGESTS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


def examples(count: int, source: int = 0) -> list[Example]:
    return [Example(f"{kind}-{source}-{n}", kind, source, (1, 2, 3), 1) for kind in KINDS for n in range(count)]


class LetterTokenizer:
    """One token a character: enough to see what is tokenised."""

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [ord(letter) for letter in text]}


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 9), steps=st.integers(1, 20), seed=st.integers(0, 5))
def test_every_batch_holds_the_same_number_of_each_kind(count: int, steps: int, seed: int) -> None:
    pool = examples(count)
    plan = rows.plan_batches(pool, HEALTHY_MIX, [1.0], steps, seed)
    assert len(plan) == steps
    assert all(Counter(pool[i].kind for i in batch) == {"call": 2, "refusal": 2, "replay": 2} for batch in plan)


def test_a_pass_shows_each_row_once_and_the_next_in_another_order() -> None:
    pool = examples(8)
    plan = rows.plan_batches(pool, HEALTHY_MIX, [1.0], 8, 1)
    calls = [[i for batch in half for i in batch if pool[i].kind == "call"] for half in (plan[:4], plan[4:])]
    assert sorted(calls[0]) == sorted(calls[1]) == list(range(8))
    assert calls[0] != calls[1]


def test_the_plan_depends_on_the_seed_alone_and_a_longer_one_begins_the_same() -> None:
    pool = examples(5)
    short, long = (rows.plan_batches(pool, HEALTHY_MIX, [1.0], steps, 7) for steps in (4, 9))
    assert long[:4] == short
    assert rows.plan_batches(pool, HEALTHY_MIX, [1.0], 4, 8) != short


def test_sources_are_drawn_by_their_ratios() -> None:
    pool = [*examples(50, 0), *examples(50, 1)]
    plan = rows.plan_batches(pool, HEALTHY_MIX, [0.75, 0.25], 20, 1)
    drawn = Counter(pool[i].source for batch in plan for i in batch if pool[i].kind == "call")
    assert drawn == {0: 30, 1: 10}


def test_a_row_of_a_better_tier_is_drawn_more_often() -> None:
    pool = [replace(example, tier=tier) for tier in TIERS for example in examples(40)]
    plan = rows.plan_batches(pool, HEALTHY_MIX, [1.0], 60, 1, TierWeights())
    drawn = Counter(pool[i].tier for batch in plan for i in batch if pool[i].kind == "call")
    assert drawn == {"human-gold": 60, "curated": 40, "scraped": 20}


def test_rows_of_one_tier_are_drawn_as_if_there_were_no_weights() -> None:
    pool = [*examples(20, 0), *examples(20, 1)]
    even = rows.plan_batches(pool, HEALTHY_MIX, [0.75, 0.25], 20, 1)
    assert rows.plan_batches(pool, HEALTHY_MIX, [0.75, 0.25], 20, 1, TierWeights()) == even


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(1, 30), min_size=3, max_size=3), ratio=st.floats(0.1, 1))
def test_what_is_drawn_is_what_was_planned(counts: list[int], ratio: float) -> None:
    """The trainer takes turns, so that it is never further from the plan than the turn that a pool waits for."""
    pool = [
        Example(f"{tier}{n}{source}", "call", source, (1,), 0, tier)
        for source in (0, 1)
        for tier, count in zip(TIERS, counts, strict=True)
        for n in range(count + source)
    ]
    recipe = Recipe(mix=(MixShare(kind="call", rows_per_batch=7),), max_steps=40)
    sizes = Counter((e.source, e.tier) for e in pool)
    ingredients = [
        Ingredient(DIGESTS[s], (1.0, ratio)[s], [group(tier, sizes[s, tier]) for tier in TIERS]) for s in (0, 1)
    ]
    drawn = Counter(
        (DIGESTS[pool[i].source], pool[i].tier)
        for batch in rows.plan_batches(pool, recipe.mix, [1.0, ratio], 40, 1, recipe.tiers)
        for i in batch
    )
    for part in mix_plan(recipe, ingredients).parts:
        assert abs(drawn[part.dataset, part.tier] - part.drawn) < len(sizes)


def group(tier: Tier, count: int) -> RowGroup:
    return RowGroup(source="s", licence="MIT", tier=tier, synthetic_depth=0, kind="call", rows=count)


def test_a_kind_without_rows_is_named() -> None:
    mix = (MixShare(kind="replay", rows_per_batch=1),)
    with pytest.raises(TrainingFailed, match="replay"):
        rows.plan_batches([e for e in examples(3) if e.kind == "call"], mix, [1.0], 1, 1)


def test_a_share_of_no_rows_needs_none() -> None:
    mix = (MixShare(kind="call", rows_per_batch=2), MixShare(kind="replay", rows_per_batch=0))
    pool = [e for e in examples(3) if e.kind == "call"]
    assert all(len(batch) == 2 for batch in rows.plan_batches(pool, mix, [1.0], 3, 1))


def test_held_out_rows_are_never_trained_on() -> None:
    training, held_out = rows.hold_out(examples(6), ("call", "refusal"), 2)
    assert Counter(e.kind for e in held_out) == {"call": 2, "refusal": 2}
    assert not {e.id for e in training} & {e.id for e in held_out}
    assert rows.hold_out(examples(6), ("call",), 0) == (examples(6), [])


def call_row() -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "area", "parameters": {"type": "object", "properties": {}}}}
    call = {"type": "function", "function": {"name": "area", "arguments": {"base": 10, "unit": "µm"}}}
    messages = [{"role": "user", "content": "Area?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    return {"row_id": "r1", "kind": "call", "messages": messages, "tools": [tool]}


def test_the_prompt_is_what_the_engine_is_sent_and_the_answer_ends_its_turn() -> None:
    row = call_row()
    example = rows.tokenise(LetterTokenizer(), row, 0)  # type: ignore[arg-type]
    text = "".join(map(chr, example.tokens))
    assert text[: example.answer] == template.render(row["messages"][:-1], row["tools"], add_generation_prompt=True)
    assert text[example.answer :].startswith("<tool_call>\n")
    assert json.loads(text[example.answer :].split("\n")[1]) == {
        "name": "area",
        "arguments": {"base": 10, "unit": "µm"},
    }
    assert text.endswith("</tool_call><|im_end|>")


def test_a_template_that_changes_the_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "render", lambda *_, **how: str(how["add_generation_prompt"]))
    with pytest.raises(InputRefused, match="TEMPLATE_NOT_PREFIX"):
        rows.tokenise(LetterTokenizer(), call_row(), 0)  # type: ignore[arg-type]


def test_rows_come_back_from_a_shard_as_they_were(tmp_path: Path) -> None:
    row = call_row()
    stored = {**row, "messages": json.dumps(row["messages"]), "tools": json.dumps(row["tools"]), "tier": "curated"}
    parquet.write_table(pa.Table.from_pylist([stored]), tmp_path / "shard.parquet")
    assert list(rows.read_rows(RowSource(paths=(tmp_path / "shard.parquet",)))) == [{**row, "tier": "curated"}]


def test_a_file_that_is_no_shard_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    path.write_text("not parquet")
    with pytest.raises(InputRefused, match="ROWS_UNREADABLE"):
        list(rows.read_rows(RowSource(paths=(path,))))

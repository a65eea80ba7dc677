"""From dataset rows to tokens: one template, answers only, a fixed mix in every batch.

Imports transformers' tokenizer type only for annotations: reading, planning and their tests need no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pyarrow
from pyarrow import parquet

from activities.training.job import RowSource
from assay.contracts.data import RowKind, Tier
from assay.contracts.errors import InputRefused, TrainingFailed
from assay.contracts.training import MixShare, TierWeights
from serving import template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

COLUMNS: Final = ("row_id", "kind", "messages", "tools", "tier")


@dataclass(frozen=True)
class Example:
    """One tokenised row. The answer is `tokens[answer:]`, the end-of-turn marker included."""

    id: str
    kind: RowKind
    source: int
    tokens: tuple[int, ...]
    answer: int
    tier: Tier = "curated"


@dataclass(frozen=True)
class Batches:
    """What a run trains on: `plan[step]` are indices into `training`; `held_out` only measures."""

    training: Sequence[Example]
    held_out: Sequence[Example]
    plan: Sequence[Sequence[int]]


def read_rows(source: RowSource) -> Iterator[dict[str, Any]]:
    """Rows of a source in shard order: `row_id`, `kind`, `tier`, `messages`, `tools` (both parsed).

    Raises InputRefused (`ROWS_UNREADABLE`).
    """
    for path in source.paths:
        try:
            # Batches, not the whole shard: as Python objects it may be larger than memory.
            for batch in parquet.ParquetFile(path).iter_batches(256, columns=list(COLUMNS)):
                for row in batch.to_pylist():
                    # Nested columns travel as JSON text: Arrow would merge the schemas of all tools into one.
                    yield {**row, "messages": json.loads(row["messages"]), "tools": json.loads(row["tools"])}
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise InputRefused(
                "ROWS_UNREADABLE",
                f"{path.name} is no shard of a sealed dataset: {error}",
                "seal the dataset again; its id names the bytes it must have",
            ) from error


def tokenise(tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], source: int) -> Example:
    """One example. Prompt and answer are tokenised apart, so that the prompt is the engine's token for token.

    Raises InputRefused (`TEMPLATE_NOT_PREFIX`) when the template shows the same prompt differently with and without
    the answer: the model would learn to answer a prompt that it never gets.
    """
    messages, tools = row["messages"], row["tools"]
    prompt = template.render(messages[:-1], tools, add_generation_prompt=True)
    whole = template.render(messages, tools, add_generation_prompt=False)
    if not whole.startswith(prompt):
        raise InputRefused(
            "TEMPLATE_NOT_PREFIX",
            f"the prompt of row {row['row_id']} is not the beginning of its full text",
            "let the template end a generation prompt with exactly what opens an assistant turn",
        )
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    # The line break that closes a turn is never generated: the engine stops at the end-of-turn marker.
    tail = tokenizer(whole[len(prompt) :].rstrip("\n"), add_special_tokens=False)["input_ids"]
    return Example(str(row["row_id"]), row["kind"], source, (*head, *tail), len(head), row.get("tier", "curated"))


def hold_out(examples: Sequence[Example], kinds: Sequence[RowKind], count: int) -> tuple[list[Example], list[Example]]:
    """Split off the last `count` examples of each of `kinds`: (training, held out)."""
    chosen = {e.id for kind in kinds for e in [e for e in examples if e.kind == kind][-count:]} if count else set()
    return [e for e in examples if e.id not in chosen], [e for e in examples if e.id in chosen]


def plan_batches(
    examples: Sequence[Example],
    mix: Sequence[MixShare],
    ratios: Sequence[float],
    steps: int,
    seed: int,
    tiers: TierWeights | None = None,
) -> list[list[int]]:
    """Indices of every batch of a run: each holds the same number of rows of each kind.

    The plan is a pure function of its arguments, so "where was I" after a crash is the step number alone. Within a
    kind, sources take turns by their ratios, the tiers of a source by their weights times their rows, and each is gone
    through in a new random order every pass. Raises TrainingFailed (`MIX_EMPTY`) when no row of a wanted kind is left.
    """
    streams = [
        (share, _stream(examples, share.kind, ratios, np.random.default_rng([seed, number]), tiers))
        for number, share in enumerate(mix)
        if share.rows_per_batch
    ]
    return [[next(stream) for share, stream in streams for _ in range(share.rows_per_batch)] for _ in range(steps)]


def _stream(
    examples: Sequence[Example],
    kind: RowKind,
    ratios: Sequence[float],
    random: np.random.Generator,
    tiers: TierWeights | None,
) -> Iterator[int]:
    pools: dict[tuple[int, str], list[int]] = {}
    for index, example in enumerate(examples):
        if example.kind == kind:
            pools.setdefault((example.source, example.tier if tiers else ""), []).append(index)
    if not pools:
        raise TrainingFailed(
            "MIX_EMPTY",
            f"the mix wants rows of kind {kind!r} and the dataset has none that is short enough",
            "add such rows, raise `max_tokens`, or take the kind out of the mix",
        )
    passes = {key: _passes(pools[key], random) for key in sorted(pools)}
    return _taking_turns(passes, _shares(pools, ratios, tiers))


def _shares(
    pools: Mapping[tuple[int, str], Sequence[int]], ratios: Sequence[float], tiers: TierWeights | None
) -> dict[tuple[int, str], float]:
    """The ratio of each source, parted among its tiers. See `activities.data.mixes` for the formula."""
    if tiers is None:
        return {key: ratios[key[0]] for key in pools}
    weights = {key: tiers.of(cast(Tier, key[1])) * len(pool) for key, pool in pools.items()}
    whole = {source: sum(w for key, w in weights.items() if key[0] == source) for source, _ in pools}
    return {key: ratios[key[0]] * weights[key] / whole[key[0]] for key in pools}


def _taking_turns(
    passes: Mapping[tuple[int, str], Iterator[int]], shares: Mapping[tuple[int, str], float]
) -> Iterator[int]:
    drawn = dict.fromkeys(passes, 0)
    while True:
        pool = min(passes, key=lambda p: (drawn[p] + 1) / shares[p])
        drawn[pool] += 1
        yield next(passes[pool])


def _passes(pool: Sequence[int], random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (int(index) for index in random.permutation(np.asarray(pool)))

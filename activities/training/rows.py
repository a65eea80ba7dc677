"""From dataset rows to tokens: one template, answers only, a fixed mix in every batch.

Imports transformers' tokenizer type only for annotations: reading, planning and their tests need no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activities.training.job import RowSource
from assay.contracts.data import RowKind
from assay.contracts.errors import InputRefused, TrainingFailed
from assay.contracts.training import MixShare

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Example:
    """One tokenised row. The answer is `tokens[answer:]`, the end-of-turn marker included."""

    id: str
    kind: RowKind
    source: int
    tokens: tuple[int, ...]
    answer: int


def read_rows(source: RowSource) -> Iterator[dict[str, Any]]:
    """Rows of a source in file order: `id`, `kind`, `messages`, `tools`.

    Raises InputRefused (`ROWS_UNREADABLE`).
    """
    for path in source.paths:
        try:
            yield from _parquet(path) if path.suffix == ".parquet" else _jsonl(path)
        except (OSError, ValueError, KeyError) as error:
            raise InputRefused(
                "ROWS_UNREADABLE", f"{path.name} cannot be read as rows: {error}", "seal the dataset again with `assay`"
            ) from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as parquet

    wanted = ("id", "kind", "messages", "tools")
    # Batches, not the whole table: a shard may be larger than memory once it is Python objects.
    for batch in parquet.ParquetFile(path).iter_batches(256):
        for row in batch.to_pylist():
            yield _plain({name: row[name] for name in wanted if name in row})


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield _plain(json.loads(line))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Nested columns are stored as JSON text: Arrow would merge the schemas of all tools into one."""
    for name in ("messages", "tools"):
        if isinstance(row.get(name), str):
            row[name] = json.loads(row[name])
    return row


def render(
    tokenizer: PreTrainedTokenizerBase, template: str, row: Mapping[str, Any], *, answered: bool = True
) -> str:
    """Text of a row as the engine would see it: the whole chat, or (`answered=False`) the prompt of its last answer.

    Absent content is empty and call arguments are data, as SGLang hands them to the template.
    """
    messages = [_normalised(message) for message in row["messages"]]
    text = tokenizer.apply_chat_template(
        messages if answered else messages[:-1],
        tools=row.get("tools") or None,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=not answered,
    )
    return str(text)


def _normalised(message: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in message.items() if value is not None}
    plain.setdefault("content", "")
    if "tool_calls" in plain:
        plain["tool_calls"] = [{**call, "function": _function(call["function"])} for call in plain["tool_calls"]]
    return plain


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function["arguments"]
    return {**function, "arguments": json.loads(arguments or "{}") if isinstance(arguments, str) else arguments}


def tokenise(
    tokenizer: PreTrainedTokenizerBase, template: str, row: Mapping[str, Any], source: int
) -> Example:
    """One example. Prompt and answer are tokenised apart, so that the prompt is the engine's token for token.

    Raises InputRefused (`TEMPLATE_NOT_PREFIX`) when the template shows the same prompt differently with and without
    the answer: the model would learn to answer a prompt that it never gets.
    """
    prompt, whole = (render(tokenizer, template, row, answered=answered) for answered in (False, True))
    if not whole.startswith(prompt):
        raise InputRefused(
            "TEMPLATE_NOT_PREFIX",
            f"the prompt of row {row['id']} is not the beginning of its full text",
            "let the template end a generation prompt with exactly what opens an assistant turn",
        )
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    # The line break that closes a turn is never generated: the engine stops at the end-of-turn marker.
    tail = tokenizer(whole[len(prompt) :].rstrip("\n"), add_special_tokens=False)["input_ids"]
    return Example(str(row["id"]), row["kind"], source, (*head, *tail), len(head))


def hold_out(examples: Sequence[Example], kinds: Sequence[RowKind], count: int) -> tuple[list[Example], list[Example]]:
    """Split off the last `count` examples of each of `kinds`: (training, held out)."""
    chosen = {e.id for kind in kinds for e in [e for e in examples if e.kind == kind][-count:]} if count else set()
    return [e for e in examples if e.id not in chosen], [e for e in examples if e.id in chosen]


def plan_batches(
    examples: Sequence[Example], mix: Sequence[MixShare], ratios: Sequence[float], steps: int, seed: int
) -> list[list[int]]:
    """Indices of every batch of a run: each holds the same number of rows of each kind.

    The plan is a pure function of its arguments, so "where was I" after a crash is the step number alone. Within a
    kind, sources take turns by their ratios, and each source is gone through in a new random order every pass.
    Raises TrainingFailed (`MIX_EMPTY`) when no row of a wanted kind is left.
    """
    streams = [
        (share, _stream(examples, share.kind, ratios, np.random.default_rng([seed, number])))
        for number, share in enumerate(mix)
        if share.rows_per_batch
    ]
    return [[next(stream) for share, stream in streams for _ in range(share.rows_per_batch)] for _ in range(steps)]


def _stream(
    examples: Sequence[Example], kind: RowKind, ratios: Sequence[float], random: np.random.Generator
) -> Iterator[int]:
    pools = {s: [i for i, e in enumerate(examples) if e.kind == kind and e.source == s] for s in range(len(ratios))}
    passes = {s: _passes(pool, random) for s, pool in pools.items() if pool}
    if not passes:
        raise TrainingFailed(
            "MIX_EMPTY",
            f"the mix wants rows of kind {kind!r} and the dataset has none that is short enough",
            "add such rows, raise `max_tokens`, or take the kind out of the mix",
        )
    return _taking_turns(passes, ratios)


def _taking_turns(passes: Mapping[int, Iterator[int]], ratios: Sequence[float]) -> Iterator[int]:
    drawn = dict.fromkeys(passes, 0)
    while True:
        source = min(passes, key=lambda s: (drawn[s] + 1) / ratios[s])
        drawn[source] += 1
        yield next(passes[source])


def _passes(pool: Sequence[int], random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (int(index) for index in random.permutation(np.asarray(pool)))

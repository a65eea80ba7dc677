"""Let one arm answer a suite, many rows at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from assay.contracts.base import Message, Rate
from assay.contracts.errors import InputRefused
from evals.answers import Answer, parse
from evals.scorers import SCORERS
from evals.statistics import rate
from evals.suite import SuiteRow
from evals.tasks import request

IN_FLIGHT: Final = 32
"""Engines batch: on two CPU cores 32 at once give about seven times the tokens per second of one."""


class Generate(Protocol):
    """A model, as far as an evaluation is concerned: an OpenAI body in, a chat completion out."""

    async def __call__(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer once."""
        ...


class Sample(Message):
    """One row, what was answered, and what each applicable scorer said."""

    id: str
    task: str
    answer: Answer
    scores: dict[str, bool]


async def answer_all(
    rows: Sequence[SuiteRow], generate: Generate, *, schema_decoding: bool, progress: Callable[[int], None]
) -> tuple[Sample, ...]:
    """Samples in the order of the rows. What `generate` raises for one row ends the whole; nothing is skipped.

    It is raised as it is, not in a group: whether trying again helps is read off its type.
    """
    gate, done = asyncio.Semaphore(IN_FLIGHT), 0

    async def ask(row: SuiteRow) -> Sample:
        nonlocal done
        async with gate:
            response = await generate(request(row, schema_decoding=schema_decoding))
        done += 1
        progress(done)
        return score(row, parse(response, schema_decoding=schema_decoding))

    try:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(row)) for row in rows]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return tuple(task.result() for task in asked)


def score(row: SuiteRow, answer: Answer) -> Sample:
    """Apply every scorer that applies."""
    verdicts = {name: scorer(row, answer) for name, scorer in SCORERS.items()}
    scores = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    return Sample(id=row.id, task=row.task, answer=answer, scores=scores)


def rates(samples: Sequence[Sample]) -> tuple[Rate, ...]:
    """One rate per scorer that applied to any sample. Raises InputRefused (`SUITE_MALFORMED`) without samples."""
    if not samples:
        raise InputRefused("SUITE_MALFORMED", "no row of the suite belongs to this split", "give rows for each split")
    found = []
    for name in SCORERS:
        verdicts = [sample.scores[name] for sample in samples if name in sample.scores]
        if verdicts:
            found.append(rate(name, sum(verdicts), len(verdicts)))
    return tuple(found)

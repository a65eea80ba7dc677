"""An arm answers many rows at once, and fails as what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from assay.contracts.errors import InputRefused, Unavailable
from evals.run import IN_FLIGHT, answer_all, rates
from evals.suite import SuiteRow

ROWS = tuple(
    SuiteRow(
        id=str(number),
        task="chat",
        split="report",
        messages=[{"role": "user", "content": f"Question {number}?"}],
        contains=["yes"],
    )
    for number in range(3 * IN_FLIGHT)
)


def answer(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


async def test_samples_keep_the_order_of_the_suite_and_progress_counts_up() -> None:
    done, flying, most = list[int](), 0, 0

    async def generate(body: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        number = int(body["messages"][0]["content"].split()[1].rstrip("?"))
        await asyncio.sleep(0.001 * (number % 5))
        flying -= 1
        return answer("yes" if number % 2 else "no")

    samples = await answer_all(ROWS, generate, schema_decoding=False, progress=done.append)
    assert [sample.id for sample in samples] == [row.id for row in ROWS]
    assert [sample.scores["chat_contains"] for sample in samples] == [bool(n % 2) for n in range(len(ROWS))]
    assert done == list(range(1, len(ROWS) + 1))
    assert most == IN_FLIGHT


@pytest.mark.parametrize("error", [Unavailable("ENGINE_FAILED", "it broke", "try again"), KeyError("choices")])
async def test_what_failed_is_raised_as_itself_and_the_rest_is_given_up(error: Exception) -> None:
    """In a group a worker would see neither its code nor that it is worth another try."""
    asked, waits = list[str](), asyncio.Event()

    async def generate(body: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(body["messages"][0]["content"])
        if len(asked) == 2:
            raise error
        await waits.wait()
        return answer("yes")

    with pytest.raises(type(error)) as raised:
        await answer_all(ROWS, generate, schema_decoding=False, progress=lambda _: None)
    assert raised.value is error
    assert len(asked) <= IN_FLIGHT + 1


async def test_an_answer_without_choices_is_raised_as_itself() -> None:
    async def generate(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    with pytest.raises(KeyError):
        await answer_all(ROWS[:1], generate, schema_decoding=False, progress=lambda _: None)


def test_no_sample_gives_no_rate() -> None:
    with pytest.raises(InputRefused, match="SUITE_MALFORMED"):
        rates(())

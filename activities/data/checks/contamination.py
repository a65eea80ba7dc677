"""Rows that give away an evaluation: prompts of its suites, whole or thirteen words of them in a row.

Thirteen words are what GPT-3's authors compared by (Brown et al. 2020, appendix C). A prompt with fewer counts only
when a whole turn of the row says it, and one with fewer than four words never: "hello there" is no leak.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from activities.data.checks.texts import RowTexts, words
from assay.contracts.errors import InputRefused

WORDS: Final = 13
FEWEST_WORDS: Final = 4


@dataclass(frozen=True)
class Contamination:
    """64-bit hashes of what suites ask: `runs` of thirteen words, `prompts` that are shorter. May be pickled."""

    runs: frozenset[int] = frozenset()
    prompts: frozenset[int] = frozenset()

    @classmethod
    def of(cls, suites: Iterable[Path | bytes]) -> Contamination:
        """Of suites as JSONL: each line an object with `messages`, as evaluation suites and datasets have them.

        Raises InputRefused (`SUITE_UNREADABLE`, `SUITE_MALFORMED`).
        """
        runs, prompts = set[int](), set[int]()
        for prompt in (prompt for suite in suites for prompt in _prompts(suite)):
            spoken = words(prompt)
            if len(spoken) >= WORDS:
                runs |= set(_runs(spoken))
            elif len(spoken) >= FEWEST_WORDS:
                prompts.add(_hash(spoken))
        return cls(frozenset(runs), frozenset(prompts))

    def overlaps(self, row: RowTexts) -> dict[str, int]:
        """How many `run`s of thirteen words and whole `prompt`s of a suite stand in a row."""
        found = {"run": 0, "prompt": 0}
        for turn in row.turns if self.runs or self.prompts else ():
            spoken = words(turn.text)
            if len(spoken) >= WORDS:
                found["run"] += sum(run in self.runs for run in _runs(spoken))
            elif len(spoken) >= FEWEST_WORDS:
                found["prompt"] += _hash(spoken) in self.prompts
        return {kind: count for kind, count in found.items() if count}


def _prompts(suite: Path | bytes) -> Iterator[str]:
    try:
        for line in _read(suite).decode().splitlines():
            if line.strip():
                yield from (m["content"] for m in _messages(json.loads(line)) if m["role"] == "user" and m["content"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused(
            "SUITE_MALFORMED",
            "a line of an evaluation suite that the dataset must not overlap with has no messages",
            "mend the line, or leave the suite out",
        ) from error


def _read(suite: Path | bytes) -> bytes:
    if isinstance(suite, bytes):
        return suite
    try:
        return suite.read_bytes()
    except OSError as error:
        raise InputRefused(
            "SUITE_UNREADABLE",
            f"an evaluation suite that the dataset must not overlap with cannot be read: {error.strerror}",
            "give a path that the data worker can read",
        ) from error


def _messages(row: Any) -> Any:  # noqa: ANN401  # whatever is wrong with it is said by the caller
    return row["messages"]


def _runs(spoken: list[str]) -> Iterator[int]:
    return (_hash(spoken[i : i + WORDS]) for i in range(len(spoken) - WORDS + 1))


def _hash(spoken: list[str]) -> int:
    import mmh3

    return mmh3.hash64(" ".join(spoken), signed=False)[0]

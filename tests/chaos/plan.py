"""What is done to whom and when, from a seed: the same seed and numbers give the same plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

from .house import SUPERVISED, TRAINER

Stage = Literal["intake", "training", "evaluation", "promotion", "approved", "rollout"]
STAGES: Final[tuple[Stage, ...]] = ("intake", "training", "evaluation", "promotion", "approved", "rollout")
"""`approved` begins with the approval: the release gate, the signature, the pointer of staging."""

SECONDS: Final[dict[Stage, float]] = {
    "intake": 4,
    "training": 24,
    "evaluation": 14,
    "promotion": 4,
    "approved": 2,
    "rollout": 10,
}
"""About how long each takes undisturbed on two cores: delays are drawn from it, so that strikes fall anywhere in it."""

LEADING: Final[dict[Stage, tuple[str, ...]]] = {
    "intake": ("worker-data", "worker-control", "opa", "temporal"),
    "training": (TRAINER, "worker-training", "worker-control", "temporal"),
    "evaluation": ("worker-serving", "engine", "temporal", "worker-control"),
    "promotion": ("worker-control", "opa", "worker-serving", "temporal"),
    "approved": ("worker-control", "opa", "temporal"),
    "rollout": ("worker-serving", "gateway", "engine", "worker-control", "temporal"),
}
"""Who works in each stage: two strikes of three go to them, the third to anybody."""

PAUSES: Final[dict[str, float]] = {
    "temporal": 14,  # a workflow task times out after 10 s
    "opa": 13,  # its client waits 10 s
    "engine": 28,  # health is waited for 25 s, the gateway's look 4 s
    "gateway": 11,  # a refresh is waited for 8 s
    "worker-control": 35,
    "worker-data": 35,
    "worker-training": 20,  # its heartbeat times out after 15 s
    "worker-serving": 35,
    TRAINER: 20,
}
"""Longer than what waits for the process, in seconds. Workers: their activities' heartbeat times out after 30 s."""


@dataclass(frozen=True)
class Strike:
    """SIGKILL, or SIGSTOP and SIGCONT after `pause` seconds, `delay` seconds into a stage.

    `gap` is the least time since the strike before: one that comes late, since a stage took longer, is still apart.
    """

    round: int
    stage: Stage
    delay: float
    target: str
    pause: float = 0.0
    gap: float = 0.5


def strikes(kills: int, seed: int, a_round: int = 16) -> list[list[Strike]]:
    """That many kills, and pauses between them, in rounds of at most `a_round`, each in the order of the stages."""
    random_ = random.Random(f"{seed}/{kills}/{a_round}")
    drawn, rounds, left = _drawn(random_), list[list[Strike]](), kills
    while left:
        some: list[Strike] = []
        while left and len(some) < a_round:
            some.append(_strike(random_, len(rounds), *next(drawn)))
            left -= not some[-1].pause
        rounds.append(sorted(some, key=_when))
    return rounds


def _drawn(random_: random.Random) -> Iterator[tuple[Stage, str]]:
    """Stages and targets; every target comes up about equally often whatever the stages' weights say."""
    names = [*SUPERVISED, TRAINER]
    struck = dict.fromkeys(names, 0)
    for number in count():
        stage = random_.choices(STAGES, weights=[SECONDS[s] ** 0.5 for s in STAGES])[0]
        there = [name for name in names if name != TRAINER or stage == "training"]
        some = there if number % 3 == 2 else list(LEADING[stage])
        random_.shuffle(some)
        target = min(some, key=struck.__getitem__)
        struck[target] += 1
        yield stage, target


def _strike(random_: random.Random, number: int, stage: Stage, target: str) -> Strike:
    pause = PAUSES[target] if random_.random() < 0.25 else 0.0
    delay, gap = (round(random_.uniform(0, most), 2) for most in (SECONDS[stage], 4))
    return Strike(number, stage, delay, target, pause, gap)


def _when(strike: Strike) -> tuple[int, float]:
    return STAGES.index(strike.stage), strike.delay

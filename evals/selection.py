"""Which checkpoint is the best: by one number, on rows that are not reported on.

The score is the geometric mean of valid calls, refusals where no tool fits, and plain chat, each as a Laplace estimate
(k + 1) / (n + 2). A geometric mean cannot be bought with one of them: a checkpoint that calls perfectly and has
forgotten how to talk scores below one that is decent at all three.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from assay.contracts.errors import InputRefused
from assay.contracts.evaluation import ArmScores

BALANCED: Final = ("call_valid", "irrelevance_refused", "chat_contains")


def score(arm: ArmScores) -> float:
    """Between 0 and 1. Raises KeyError when the arm was not measured on one of `BALANCED`."""
    estimates = [(r.count + 1) / (r.total + 2) for r in (arm.rate(name) for name in BALANCED)]
    return math.prod(estimates) ** (1 / len(estimates))


def choose(arms: Iterable[ArmScores]) -> ArmScores:
    """The best arm that has an adapter; of equal ones the first, which is the earlier checkpoint.

    Raises InputRefused (`NO_CANDIDATE`).
    """
    candidates = [arm for arm in arms if arm.adapter is not None and arm.split == "select"]
    if not candidates:
        raise InputRefused("NO_CANDIDATE", "no checkpoint was measured on the select split", "give candidates")
    return max(candidates, key=score)

"""Intervals and paired tests."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import binomtest

from assay.contracts.base import Rate
from assay.contracts.evaluation import PairedTest


def rate(name: str, count: int, total: int) -> Rate:
    """A share with its 95 % Wilson score interval (Wilson 1927); 0 to 1 when nothing was counted."""
    if total == 0:
        return Rate(name=name, count=0, total=0, low=0.0, high=1.0)
    interval = binomtest(count, total).proportion_ci(confidence_level=0.95, method="wilson")
    return Rate(
        name=name, count=count, total=total, low=max(0.0, float(interval.low)), high=min(1.0, float(interval.high))
    )


def mcnemar(name: str, arm: tuple[str, Sequence[bool]], against: tuple[str, Sequence[bool]]) -> PairedTest:
    """Exact McNemar test (McNemar 1947) of two arms on the same rows, in the same order.

    Raises ValueError when the arms answered different numbers of rows.
    """
    pairs = list(zip(arm[1], against[1], strict=True))
    wins = sum(a and not b for a, b in pairs)
    losses = sum(b and not a for a, b in pairs)
    p_value = float(binomtest(wins, wins + losses, 0.5).pvalue) if wins + losses else 1.0
    return PairedTest(rate=name, arm=arm[0], against=against[0], wins=wins, losses=losses, p_value=p_value)

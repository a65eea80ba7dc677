"""One lifecycle in which everything is killed once in the middle of its work, and one process is paused.

`make chaos N=200 SEED=1` is the long run; this is the same harness on a fixed plan, about three minutes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .campaign import Campaign
from .house import SUPERVISED, TRAINER, House
from .plan import Strike

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PLAN = (
    Strike(0, "intake", 1.0, "worker-data"),
    Strike(0, "training", 9.0, TRAINER),
    Strike(0, "training", 20.0, "worker-training"),
    Strike(0, "training", 21.0, "temporal"),
    Strike(0, "evaluation", 2.0, "engine"),
    Strike(0, "promotion", 0.5, "opa"),
    Strike(0, "approved", 0.2, "worker-control"),
    Strike(0, "rollout", 1.0, "gateway", pause=11),
    Strike(0, "rollout", 1.5, "worker-serving"),
    Strike(0, "rollout", 6.0, "gateway"),
)


async def test_a_lifecycle_ends_as_it_would_have_though_everything_was_killed(tmp_path: Path) -> None:
    said: list[str] = []
    campaign = Campaign(House(tmp_path / "house"), said.append, tenants=("acme",))
    try:
        await campaign.open()
        await campaign.round(0, list(PLAN))
    finally:
        await asyncio.to_thread(campaign.house.stop)
    assert campaign.violations == [], said
    assert campaign.striker.missed == []
    assert {one.strike.target for one in campaign.striker.struck} == {*SUPERVISED, TRAINER}

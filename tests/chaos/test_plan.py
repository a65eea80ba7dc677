"""The plan of a long run."""

from __future__ import annotations

from collections import Counter

from .house import SUPERVISED, TRAINER
from .plan import STAGES, strikes


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert strikes(60, 1) == strikes(60, 1)
    assert strikes(60, 1) != strikes(60, 2)


def test_every_process_is_struck_in_a_long_run_and_no_stage_is_left_out() -> None:
    plan = [strike for some in strikes(200, 1) for strike in some]
    assert sum(not strike.pause for strike in plan) == 200
    targets = Counter(strike.target for strike in plan)
    assert set(targets) == {*SUPERVISED, TRAINER}
    assert min(targets.values()) >= 10
    assert {strike.stage for strike in plan} == set(STAGES)
    assert 30 <= sum(bool(strike.pause) for strike in plan) <= 120


def test_a_trainer_is_not_killed_so_often_in_one_round_that_its_run_may_fail() -> None:
    for some in strikes(400, 3):
        assert sum(strike.target == TRAINER and not strike.pause for strike in some) <= 4

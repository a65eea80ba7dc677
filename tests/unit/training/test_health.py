"""When a run is unwell, and what the recipe's rule does about it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.training.checkpoints import Checkpoint
from activities.training.health import Finding, judge, not_finite, respond
from activities.training.metrics import StepMetrics
from assay.contracts.errors import TrainingFailed
from assay.contracts.training import HealthRules, Intervention, Recipe


def steps(
    losses: Sequence[float], *, norms: Sequence[float] | None = None, held_out: dict[int, float] | None = None
) -> list[StepMetrics]:
    return [
        StepMetrics(
            step=number,
            loss=loss,
            grad_norm=norms[number - 1] if norms else 1.0,
            learning_rate=1e-3,
            tokens=100,
            tokens_per_second=50,
            eta_seconds=1,
            heldout_loss=(held_out or {}).get(number),
        )
        for number, loss in enumerate(losses, 1)
    ]


def noisy(count: int, seed: int = 1) -> list[float]:
    """A loss that falls from 2 with a spread of a fifth, as with a handful of rows a batch."""
    dice = random.Random(seed)
    return [(0.4 + 1.6 * math.exp(-step / 15)) * dice.lognormvariate(0, 0.2) for step in range(count)]


def first(history: list[StepMetrics], rules: HealthRules) -> Finding | None:
    """What a run would be told first."""
    found = (judge(history[:end], rules) for end in range(1, len(history) + 1))
    return next((finding for finding in found if finding), None)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_trouble(seed: int) -> None:
    norms = noisy(300, seed + 100)
    assert first(steps(noisy(300, seed), norms=norms), HealthRules()) is None


def test_one_hard_batch_is_no_spike_and_a_lasting_one_is() -> None:
    losses = noisy(60)
    losses[40] = 30.0
    assert first(steps(losses), HealthRules()) is None
    losses[40:] = [30.0] * 20
    found = first(steps(losses), HealthRules())
    assert found is not None
    assert (found.cause, found.step) == ("LOSS_SPIKE", 43)
    assert found.good == 39  # the update of step 40 led to the loss of step 41
    assert first(steps(losses), HealthRules(loss_spike=None)) is None


def test_a_constant_loss_may_move_a_little() -> None:
    assert first(steps([0.01] * 30 + [0.0101] * 10), HealthRules()) is None
    assert first(steps([0.01] * 30 + [0.02] * 10), HealthRules()) is not None


def test_an_exploding_gradient_norm_is_seen_where_the_loss_is_quiet() -> None:
    norms = [0.7 + 0.1 * (step % 5) for step in range(40)] + [3000.0] * 3
    found = first(steps([1.0] * 43, norms=norms), HealthRules())
    assert found is not None
    assert (found.cause, found.step) == ("GRADIENT_EXPLODED", 43)
    assert first(steps([1.0] * 43, norms=norms), HealthRules(gradient_exploded=None)) is None


def test_held_out_loss_that_rises_while_training_loss_falls_is_silent_divergence() -> None:
    losses = [2 - step / 50 for step in range(80)]
    held_out = {10: 1.5, 20: 1.2, 30: 1.1, 40: 1.3, 50: 1.4, 60: 1.5, 70: 1.6}
    found = first(steps(losses, held_out=held_out), HealthRules())
    assert found is not None
    assert (found.cause, found.step, found.good) == ("SILENT_DIVERGENCE", 60, 30)


@pytest.mark.parametrize(
    ("losses", "held_out"),
    [
        ([2 - step / 50 for step in range(80)], {10: 1.1, 20: 1.3, 30: 1.4, 40: 1.12, 50: 1.4, 60: 1.5}),  # recovers
        ([1 + step / 50 for step in range(80)], {10: 1.1, 20: 1.3, 30: 1.4, 40: 1.5}),  # training loss rises as well
        ([2 - step / 50 for step in range(80)], {10: 1.1, 20: 1.12, 30: 1.13, 40: 1.14}),  # by less than 5 %
    ],
)
def test_other_courses_are_no_silent_divergence(losses: list[float], held_out: dict[int, float]) -> None:
    assert first(steps(losses, held_out=held_out), HealthRules()) is None


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf)])
def test_what_is_no_number_is_found_at_once(loss: float, norm: float) -> None:
    found = not_finite(9, loss, norm)
    assert found is not None
    assert (found.cause, found.step, found.good) == ("LOSS_NAN", 9, 7)
    assert not_finite(9, 1.0, 1.0) is None


def checkpoint(step: int, held_out: float | None = None) -> Checkpoint:
    return Checkpoint(step, Path(f"step-{step}"), "sha256:" + "0" * 64, {"heldout_loss": held_out})


WHOLE = [checkpoint(10, 1.0), checkpoint(20, 0.8), checkpoint(30, 0.9)]
SPIKE = Finding("LOSS_SPIKE", 33, 29, "the loss is 9")


def test_a_rollback_goes_to_the_last_good_checkpoint_with_a_lower_rate_but_not_for_ever() -> None:
    recipe, taken = Recipe(learning_rate=1e-3), list[Intervention]()
    for rate in (5e-4, 2.5e-4):
        taken.append(respond(SPIKE, recipe, taken, WHOLE))
        assert (taken[-1].action, taken[-1].back_to, taken[-1].learning_rate) == ("roll-back", 20, rate)
    with pytest.raises(TrainingFailed, match="LOSS_SPIKE: the loss is 9 at step 33 after 2 rollbacks"):
        respond(SPIKE, recipe, taken, WHOLE)


def test_without_a_good_checkpoint_a_rollback_goes_to_the_beginning() -> None:
    assert respond(SPIKE, Recipe(), (), [checkpoint(30)]).back_to == 0


def test_keeping_the_best_needs_one() -> None:
    recipe = Recipe(health=HealthRules(loss_spike="keep-best"))
    done = respond(SPIKE, recipe, (), WHOLE)
    assert (done.action, done.back_to, done.learning_rate) == ("keep-best", 20, recipe.learning_rate)
    with pytest.raises(TrainingFailed, match="LOSS_SPIKE"):
        respond(SPIKE, recipe, (), [checkpoint(30)])


def test_failing_is_a_rule_too() -> None:
    with pytest.raises(TrainingFailed, match="LOSS_NAN"):
        respond(Finding("LOSS_NAN", 33, 31, "the loss is nan"), Recipe(), (), WHOLE)


def test_every_checkpoint_of_the_schedule_is_measured() -> None:
    assert Recipe(checkpoint_every=10, health=HealthRules(evaluate_every=5)).health.evaluate_every == 5
    with pytest.raises(ValidationError, match="must divide"):
        Recipe(checkpoint_every=10, health=HealthRules(evaluate_every=4))

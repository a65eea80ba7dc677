"""Is this run well? A judgement over its steps, and what is done when it is not.

The judgement is a pure function of the steps so far, and those are sealed in every checkpoint: a run that is killed
between the trouble and the next checkpoint comes to the same judgement again, and does the same about it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from activities.training.checkpoints import Checkpoint
from activities.training.metrics import StepMetrics
from assay.contracts.errors import TrainingFailed
from assay.contracts.training import Cause, HealthRules, Intervention, Recipe

_SCALE: Final = 1.4826
"""Makes the median absolute deviation of normal values their standard deviation (Hampel 1974)."""
_LEAST_SPREAD: Final = 0.05
"""Of the median loss, and of a gradient norm's logarithm: values that hardly vary are not out of bounds for that."""

REMEDY: Final[dict[Cause, str]] = {
    "LOSS_NAN": "lower the learning rate, lengthen the warm-up, or look at the rows of this step",
    "LOSS_SPIKE": "lower the learning rate, or look at the rows of these steps",
    "GRADIENT_EXPLODED": "lower the learning rate, or look at the rows of these steps",
    "SILENT_DIVERGENCE": "train for fewer steps, on more rows, or with a lower rank",
}


@dataclass(frozen=True)
class Finding:
    """A trouble, seen at `step`. The weights after step `good` and before are not suspected.

    A loss is that of the weights after the step before. So what led to it is that step's update, which must be done
    again with a lower rate: going back to just before the loss would only see it once more.
    """

    cause: Cause
    step: int
    good: int
    what: str


class Unwell(Exception):
    """Ends the training loop with a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.cause} at step {finding.step}: {finding.what}")
        self.finding = finding


def not_finite(step: int, loss: float, grad_norm: float) -> Finding | None:
    """`LOSS_NAN` when one of them is NaN or infinite."""
    for name, value in (("loss", loss), ("gradient norm", grad_norm)):
        if not math.isfinite(value):
            return Finding("LOSS_NAN", step, step - 2, f"the {name} is {value}")
    return None


def broken_by(step: int, what: str) -> Finding:
    """`LOSS_NAN`, seen in the weights after this step's own update."""
    return Finding("LOSS_NAN", step, step - 1, what)


def judge(steps: Sequence[StepMetrics], rules: HealthRules) -> Finding | None:
    """The trouble that shows at the last of these steps (oldest first, all finite), if any that is watched for."""
    checks: tuple[tuple[Cause, Callable[[Sequence[StepMetrics], HealthRules], Finding | None]], ...] = (
        ("LOSS_SPIKE", _spiking),
        ("GRADIENT_EXPLODED", _exploding),
        ("SILENT_DIVERGENCE", _diverging),
    )
    found = (check(steps, rules) for cause, check in checks if rules.action(cause) is not None)
    return next((finding for finding in found if finding is not None), None)


def _spiking(steps: Sequence[StepMetrics], rules: HealthRules) -> Finding | None:
    recent = steps[-rules.patience - rules.window :]
    losses = [step.loss for step in recent]
    if not _out_of_bounds(losses, rules, _LEAST_SPREAD * abs(median(losses))):
        return None
    usual = median(losses[: rules.window])
    what = f"the loss is {losses[-1]:.3g}, usual was {usual:.3g}"
    return Finding("LOSS_SPIKE", recent[-1].step, recent[-rules.patience].step - 2, what)


def _exploding(steps: Sequence[StepMetrics], rules: HealthRules) -> Finding | None:
    recent = steps[-rules.patience - rules.window :]
    if not _out_of_bounds([math.log(max(step.grad_norm, 1e-12)) for step in recent], rules, _LEAST_SPREAD):
        return None
    usual = median(step.grad_norm for step in recent[: rules.window])
    what = f"the gradient norm is {recent[-1].grad_norm:.3g}, usual was {usual:.3g}"
    return Finding("GRADIENT_EXPLODED", recent[-1].step, recent[-rules.patience].step - 2, what)


def _out_of_bounds(values: Sequence[float], rules: HealthRules, least_spread: float) -> bool:
    """Whether the last `patience` values are all out of the bounds that the `window` before them set."""
    if len(values) < rules.window + rules.patience:
        return False
    usual, recent = values[: rules.window], values[rules.window :]
    middle = median(usual)
    spread = max(_SCALE * median(abs(value - middle) for value in usual), least_spread)
    return min(recent) > middle + rules.deviations * spread


def _diverging(steps: Sequence[StepMetrics], rules: HealthRules) -> Finding | None:
    if not steps or steps[-1].heldout_loss is None:
        return None  # judged when there is a new held-out loss
    evaluations = list(_evaluations(steps))
    best = min(evaluations, key=lambda one: one.held_out)
    later, last = evaluations[evaluations.index(best) + 1 :][-rules.patience :], evaluations[-1]
    bound = best.held_out * (1 + rules.held_out_rise)
    if len(later) < rules.patience or min(one.held_out for one in later) <= bound or last.trained >= best.trained:
        return None
    what = (
        f"the held-out loss is {last.held_out:.3g} after {best.held_out:.3g} at step {best.step},"
        f" while the training loss fell from {best.trained:.3g} to {last.trained:.3g}"
    )
    return Finding("SILENT_DIVERGENCE", last.step, best.step, what)


@dataclass(frozen=True)
class _Evaluation:
    step: int
    held_out: float
    trained: float
    """Median training loss of the steps since the evaluation before."""


def _evaluations(steps: Sequence[StepMetrics]) -> Iterator[_Evaluation]:
    losses: list[float] = []
    for step in steps:
        losses.append(step.loss)
        if step.heldout_loss is not None:
            yield _Evaluation(step.step, step.heldout_loss, median(losses))
            losses = []


def respond(
    finding: Finding, recipe: Recipe, taken: Sequence[Intervention], whole: Sequence[Checkpoint]
) -> Intervention:
    """What the recipe's rule does about it. `whole` are the checkpoints there are, oldest first.

    Raises TrainingFailed with the cause as its code: by rule, after too many rollbacks, or with no checkpoint to keep.
    """
    rules = recipe.health
    action = rules.action(finding.cause)
    good = [checkpoint for checkpoint in whole if checkpoint.step <= finding.good]
    back = sum(one.action == "roll-back" for one in taken)
    rate = taken[-1].learning_rate if taken else recipe.learning_rate
    if action == "roll-back" and back < rules.max_rollbacks:
        to, rate = (good[-1].step if good else 0), rate * rules.learning_rate_factor
    elif action == "keep-best" and (best := best_of(good)):
        to = best.step
    else:
        raise failed(finding, rollbacks=back)
    return Intervention(step=finding.step, cause=finding.cause, action=action, back_to=to, learning_rate=rate)


def best_of(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The one with the lowest held-out loss; without any, the newest."""
    measured = [one for one in checkpoints if one.facts.get("heldout_loss") is not None]
    return min(measured, key=lambda one: float(one.facts["heldout_loss"])) if measured else (*checkpoints, None)[-1]


def failed(finding: Finding, *, rollbacks: int) -> TrainingFailed:
    """The finding as what the run ends with."""
    after = f" after {rollbacks} rollbacks" if rollbacks else ""
    message = f"{finding.what} at step {finding.step}{after}; the checkpoints before it are kept"
    return TrainingFailed(finding.cause, message, REMEDY[finding.cause])

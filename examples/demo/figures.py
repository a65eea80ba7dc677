"""What the report and the terminal show of a training and of an evaluation."""

from __future__ import annotations

from typing import Any

from assay.contracts.evaluation import ArmScores, EvaluationResult
from assay.contracts.training import TrainingResult
from examples.demo.story import Story


def training(result: TrainingResult) -> dict[str, Any]:
    """What the report keeps of a run, with the steps of the checkpoints that were compared."""
    kept = {
        "run_id",
        "config_hash",
        "steps",
        "resumed_from_step",
        "attempts",
        "loss_first",
        "loss_last",
        "tokens_per_second",
    }
    return result.model_dump(mode="json", include=kept) | {"checkpoints": [c.step for c in result.candidates]}


def _rates(arm: ArmScores) -> dict[str, Any]:
    kept = ("value", "count", "total", "low", "high")  # `value` is derived, so that no dump of the model has it
    return {rate.name: {name: getattr(rate, name) for name in kept} for rate in arm.rates}


def evaluation(result: EvaluationResult) -> dict[str, Any]:
    """By arm; what was measured on the selection split says so."""
    return {arm.name if arm.split == "report" else f"{arm.name} (selection)": _rates(arm) for arm in result.arms}


def reported(result: EvaluationResult) -> tuple[ArmScores, ArmScores]:
    """The base and the chosen checkpoint on the reported split."""
    arms = {arm.name: arm for arm in result.arms if arm.split == "report"}
    return arms["base"], arms[f"step-{result.chosen.step}"]


def _probability(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def show_arms(story: Story, result: EvaluationResult) -> None:
    """Every arm with its intervals, the paired tests, and which checkpoint was chosen."""
    rows = [
        (arm.split, arm.name, rate.name, f"{rate.count}/{rate.total}", f"{rate.low:.2f} to {rate.high:.2f}")
        for arm in result.arms
        for rate in arm.rates
    ]
    story.table("Functions never seen in training", ("split", "arm", "rate", "count", "95 % interval"), rows)
    for test in result.paired:
        story.say(
            f"  paired {test.rate}: {test.arm} against {test.against} "
            f"{test.wins} to {test.losses}, {_probability(test.p_value)}"
        )
    story.say(f"  chosen: step {result.chosen.step}")

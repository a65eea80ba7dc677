"""Durable lifecycles, one workflow a file. No I/O, no torch, no clock but Temporal's."""

from workflows.evaluation import Evaluation
from workflows.intake import Intake
from workflows.lifecycle import Lifecycle
from workflows.promotion import Promotion
from workflows.rollout import Rollout
from workflows.training import Training

ALL = (Lifecycle, Intake, Training, Evaluation, Promotion, Rollout)

__all__ = ["ALL", "Evaluation", "Intake", "Lifecycle", "Promotion", "Rollout", "Training"]

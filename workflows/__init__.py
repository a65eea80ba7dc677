"""Durable lifecycles, one workflow a file. No I/O, no torch, no clock but Temporal's."""

from workflows.data_approval import DataApproval
from workflows.data_review import DataReview
from workflows.erasure import Erasure
from workflows.evaluation import Evaluation
from workflows.intake import Intake
from workflows.lifecycle import Lifecycle
from workflows.place import Place
from workflows.promotion import Promotion
from workflows.retention import Retention
from workflows.rollout import Rollout
from workflows.training import Training
from workflows.turn import Turn

FROM_OUTSIDE = (Lifecycle, Intake, Training, Evaluation, Promotion, Rollout, DataReview, Retention, Erasure)
"""Those that people and services start; `examples/` has an input for each. The others are started by these alone."""
ALL = (*FROM_OUTSIDE, DataApproval, Place, Turn)

__all__ = [
    "ALL",
    "FROM_OUTSIDE",
    "DataApproval",
    "DataReview",
    "Erasure",
    "Evaluation",
    "Intake",
    "Lifecycle",
    "Place",
    "Promotion",
    "Retention",
    "Rollout",
    "Training",
    "Turn",
]

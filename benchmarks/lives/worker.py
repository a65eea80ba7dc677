"""A worker process of the benchmark. `python -m benchmarks.lives.worker control|data|training|serving`"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from activities.data.retention import RetentionActivities
from activities.policy.activity import PolicyActivities
from activities.registry.activity import RegistryActivities
from activities.signing.activity import SigningActivities
from assay.settings import Settings
from benchmarks.lives.quick import QuickEvaluation, QuickServing, QuickTraining
from serving.template import template_digest
from workers import control, data, serving, training
from workers.run import WorkerKind, main

KINDS: Final = ("control", "data", "training", "serving")


def kind(settings: Settings, name: str) -> WorkerKind:
    """The product's own worker, without what needs an engine."""
    if name == "control":
        policy = PolicyActivities(settings, template_digest)
        own = [*policy.all(), *SigningActivities(settings).all(), *RegistryActivities(settings).all()]
        own += RetentionActivities(settings).all()
        return replace(control.kind(settings), activities=own)
    if name == "training":
        return replace(training.kind(settings), activities=QuickTraining(settings, settings.home / "diary").all())
    if name == "serving":
        own = [*QuickServing(settings).all(), *QuickEvaluation(settings).all()]
        return replace(serving.kind(settings), activities=own, beside=None)
    return data.kind(settings)


if __name__ == "__main__":
    main(lambda settings: kind(settings, sys.argv[1]))

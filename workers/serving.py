"""Serving worker: evaluations, route tables, adapters in and out of engines. `python -m workers.serving`"""

from __future__ import annotations

from activities.erasure.activity import ErasureServing
from activities.evaluation.activity import EvaluationActivities
from activities.serving.activity import ServingActivities
from assay.contracts.names import SERVING_QUEUE
from assay.settings import Settings
from workers.run import WorkerKind, main


def kind(settings: Settings) -> WorkerKind:
    """What this worker serves."""
    serving = ServingActivities(settings)
    return WorkerKind(
        name="serving",
        queue=SERVING_QUEUE,
        number=3,
        activities=[
            *serving.all(),
            *EvaluationActivities(settings).all(),
            *ErasureServing(settings, serving).all(),
        ],
        concurrency=8,
        beside=lambda: serving.reconciler().run(),
    )


if __name__ == "__main__":
    main(kind)

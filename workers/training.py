"""Training worker: one run at a time on its device. `python -m workers.training`"""

from __future__ import annotations

from activities.training.activity import TrainingActivities
from assay.contracts.names import TRAINING_QUEUE
from assay.settings import Settings
from workers.device import training_device
from workers.run import WorkerKind, main


def kind(settings: Settings) -> WorkerKind:
    """What this worker serves."""
    return WorkerKind(
        name="training",
        queue=TRAINING_QUEUE,
        number=2,
        activities=TrainingActivities(settings).all(),
        concurrency=1,
        device=training_device(),
    )


if __name__ == "__main__":
    main(kind)

"""Control worker: workflows, gates, signatures, the registry. `python -m workers.control`"""

from __future__ import annotations

from activities.data.approval import ApprovalActivities
from activities.data.retention import RetentionActivities
from activities.data.reviewing import ReviewActivities
from activities.erasure.activity import ErasureControl
from activities.policy.activity import PolicyActivities
from activities.registry.activity import RegistryActivities
from activities.signing.activity import SigningActivities
from assay.contracts.names import CONTROL_QUEUE
from assay.settings import Settings
from workers.run import WorkerKind, main
from workflows import ALL


def kind(settings: Settings) -> WorkerKind:
    """What this worker serves."""
    return WorkerKind(
        name="control",
        queue=CONTROL_QUEUE,
        number=0,
        activities=[
            *PolicyActivities(settings).all(),
            *SigningActivities(settings).all(),
            *RegistryActivities(settings).all(),
            *ErasureControl(settings).all(),
            *ReviewActivities(settings).all(),
            *RetentionActivities(settings).all(),
            *ApprovalActivities(settings).all(),
        ],
        workflows=ALL,
        concurrency=16,
    )


if __name__ == "__main__":
    main(kind)

"""Data worker: reads, screens and seals. `python -m workers.data`"""

from __future__ import annotations

from activities.data.activity import DataActivities
from activities.erasure.activity import ErasureData
from assay.contracts.names import DATA_QUEUE
from assay.settings import Settings
from workers.run import WorkerKind, main


def kind(settings: Settings) -> WorkerKind:
    """What this worker serves."""
    return WorkerKind(
        name="data",
        queue=DATA_QUEUE,
        number=1,
        activities=[*DataActivities(settings).all(), *ErasureData(settings).all()],
        # A scanning activity waits for its processes: one more fetches its shard meanwhile, and one erases.
        concurrency=settings.scanning.lanes + 2,
    )


if __name__ == "__main__":
    main(kind)

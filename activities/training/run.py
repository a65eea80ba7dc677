"""One run from a pinned spec to exported candidates, in plain functions: what comes before and after the training."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from activities.training import checkpoints, metrics
from activities.training.export import export_adapter
from activities.training.job import RowSource, RunFile, RunFolder, candidates_of
from activities.training.weights import RunWeights
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.training import Candidate, DatasetShare, RunSpec, TrainingProgress, TrainingResult, TrainJob
from registry import BlobStore, Registry
from registry.root_digest import root_digest

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "numpy", "pyarrow")
"""Whose versions decide the bits of a run."""


def prepare(job: TrainJob, registry: Registry, workdir: Path) -> RunFolder:
    """Check the base, bring the rows, write `run.json`. Done again it changes nothing.

    Raises IntegrityRefused (`BASE_TAMPERED`, `BLOB_TAMPERED`, `DATASET_QUARANTINED`), NotFound, Unavailable.
    """
    spec, folder = job.request.spec, RunFolder(workdir)
    run = RunFile(
        run_id=job.run_id,
        recipe=spec.recipe,
        base=spec.base,
        base_dir=_base_dir(spec, registry),
        rows=tuple(_rows(share, registry, workdir / "rows") for share in spec.datasets),
        template=spec.template,
        threads=os.cpu_count() or 1,
    )
    folder.write_run(run)
    return folder


def _base_dir(spec: RunSpec, registry: Registry) -> Path:
    path = Path(registry.bases.by_digest(spec.base.digest).path)
    if not path.is_dir():
        raise NotFound(
            "BASE_ABSENT", f"the files of base {spec.base.repository} are not on this worker", "start `assay up` there"
        )
    if root_digest(path) != spec.base.digest:
        raise IntegrityRefused(
            "BASE_TAMPERED",
            f"the files of base {spec.base.repository} are not those the run spec pins",
            "prepare the base again with `assay up`, and find out who changed it",
        )
    return path.resolve()


def _rows(share: DatasetShare, registry: Registry, target: Path) -> RowSource:
    record = registry.datasets.get(share.dataset)
    if record.quarantined:
        raise IntegrityRefused(
            "DATASET_QUARANTINED",
            f"dataset {share.dataset} may not be used any more",
            "seal a new one without its rows",
        )
    shards = json.loads(registry.blobs.get(record.dataset.manifest))["shards"]
    paths = [target / f"{shard['sha256'].removeprefix('sha256:')}.parquet" for shard in shards]
    for shard, path in zip(shards, paths, strict=True):
        registry.shards.fetch_file(Reference(uri=shard["uri"], sha256=shard["sha256"]), path)
    return RowSource(paths=tuple(path.resolve() for path in paths), ratio=share.ratio)


def collect(
    job: TrainJob, folder: RunFolder, weights: RunWeights, progress: TrainingProgress, attempt: int
) -> TrainingResult:
    """Export the last checkpoints as candidates, store them and the run record.

    Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`), Unavailable.

    `progress` is the last that was told, `attempt` the number of this one.
    """
    spec, steps, taken = job.request.spec, metrics.read(folder.metrics), folder.read_interventions()
    found = {checkpoint.step: checkpoint for checkpoint in checkpoints.valid(folder.checkpoints)}
    kept = taken[-1].back_to if taken and taken[-1].action == "keep-best" else None
    return TrainingResult(
        run_id=job.run_id,
        config_hash=spec.content_digest(),
        record=_record(job, folder, weights.blobs, progress, attempt),
        candidates=tuple(
            _candidate(found[step], spec, folder, weights) for step in candidates_of(found, spec.recipe, kept)
        ),
        steps=steps[-1].step,
        resumed_from_step=progress.resumed_from_step,
        attempts=attempt,
        loss_first=steps[0].loss,
        loss_last=steps[-1].loss,
        tokens_per_second=round(metrics.tokens_per_second(steps), 1),
        rows_too_long=folder.read_loaded().rows_too_long,
        cause=taken[-1].cause if taken else None,
        interventions=taken,
        passed_over=progress.passed_over,
    )


def _candidate(checkpoint: checkpoints.Checkpoint, spec: RunSpec, folder: RunFolder, weights: RunWeights) -> Candidate:
    adapter = export_adapter(checkpoint, spec.base, folder.workdir / "adapters" / checkpoint.path.name)
    return Candidate(
        step=checkpoint.step,
        adapter=root_digest(adapter),
        files=weights.put(adapter),
        train_loss=checkpoint.facts["loss"],
        heldout_loss=checkpoint.facts["heldout_loss"],
    )


def _record(job: TrainJob, folder: RunFolder, blobs: BlobStore, progress: TrainingProgress, attempt: int) -> Reference:
    """What ran, exactly: the request, package versions, machine, every step, every checkpoint, every trouble."""
    record = {
        "run_id": job.run_id,
        "config_hash": job.request.spec.content_digest(),
        "request": job.request.model_dump(mode="json"),
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "loaded": folder.read_loaded().model_dump(mode="json"),
        "resumed_from_step": progress.resumed_from_step,
        "attempts": attempt,
        "interventions": [one.model_dump(mode="json") for one in folder.read_interventions()],
        "passed_over": [one.model_dump(mode="json") for one in progress.passed_over],
        "metrics": [line.model_dump(mode="json") for line in metrics.read(folder.metrics)],
        "checkpoints": {str(c.step): c.digest for c in checkpoints.valid(folder.checkpoints)},
    }
    return blobs.put(json.dumps(record, sort_keys=True, indent=1).encode())

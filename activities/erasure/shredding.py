"""What is destroyed: keys of shards, weights and samples made from the rows, folders, entries in the registry."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from activities.data.named import in_use
from activities.erasure.probe import Probe, add_to_probe
from activities.erasure.tables import cut, holds, store_like
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseJob, Held, Shredded, Withdrawn
from assay.contracts.errors import Conflict, IntegrityRefused, NotFound
from registry import Registry, trees
from serving.adapters import AdapterStore

_WEIGHTS: Final = (".safetensors", "optimizer.pt")
"""Files that are made of rows. Others may be the same in a clean adapter, and are stored once."""


def held(registry: Registry, job: CaseJob) -> Held:
    """Legal holds on the person, on a dataset with rows of this case, or on anybody whose rows these are or name."""
    request, found = job.request, registry.erasures.found(job.case)
    datasets = {one.dataset for one in found.own} | ({request.dataset} if request.dataset else set())
    subjects = {one for one in (request.subject, *request.mentions) if one}
    holds_ = registry.holds.on(request.tenant, subjects, datasets)
    touched = dict.fromkeys((*holds_, *registry.holds.on_case(request.tenant, job.case)))
    return Held(holds=tuple(f"{one.id}: {one.reason}" for one in touched))


def shred(registry: Registry, job: CaseJob, withdrawn: Withdrawn, home: Path) -> Shredded:
    """Destroy in the order in which it matters: keys first. Again it destroys what is left.

    Raises Conflict (`ERASURE_HELD`), Unavailable.
    """
    if stopped := held(registry, job).holds:
        raise Conflict("ERASURE_HELD", f"legal hold {', '.join(stopped)}", "lift the hold; the erasure goes on then")
    shards = list(_shards(registry, job))
    registry.shards.destroy_all(shards, job.case)
    aside = _cut_quarantine(registry, job)
    blobs = sorted(set(_weights(registry, withdrawn)) | set(_samples(registry, withdrawn)))
    for digest in blobs:
        registry.blobs.remove(digest)
    folders = sum(_remove_folders(registry, withdrawn, home))
    rows = registry.erasures.clear_records(job.case, job.request.tenant)
    return Shredded(
        shards=tuple(sorted({one.sha256 for one in (*shards, *aside)})),
        blobs=len(blobs),
        folders=folders,
        ledger_rows=rows,
        scrubbed=registry.scrub(),
    )


def _shards(registry: Registry, job: CaseJob) -> Iterator[Reference]:
    """Of datasets whose rows were learnt from: every shard with a row of the case in it, and the ledger.

    What another seal still names, as where an intake ran again, goes with the last of them.
    """
    datasets = [one.dataset for one in registry.erasures.found(job.case).own if one.kept]
    records = [registry.datasets.get(one) for one in datasets]
    kept = in_use(registry, datasets, records)
    for record in records:
        rows = {target.row_id for target in registry.erasures.targets(job.case, dataset=record.dataset.id)}
        entries = json.loads(registry.blobs.get(record.dataset.manifest))["shards"]
        for reference in (Reference(uri=entry["uri"], sha256=entry["sha256"]) for entry in entries):
            if reference.sha256 not in kept and _has(registry, reference, rows):
                yield reference
        if record.ledger.sha256 not in kept:
            yield record.ledger


def _has(registry: Registry, reference: Reference, rows: set[str]) -> bool:
    """Also one whose key is destroyed already: its bytes may still have to be removed."""
    with tempfile.TemporaryDirectory(prefix="assay-shred-") as folder:
        try:
            return holds(registry.shards.fetch_file(reference, Path(folder, "shard")), rows)
        except NotFound:
            return False


def _cut_quarantine(registry: Registry, job: CaseJob) -> list[Reference]:
    """Write shards of quarantined rows again without those of the case, and say where the others stand now."""
    rows = {target.row_id for target in registry.erasures.targets(job.case)}
    gone = []
    for reference in registry.quarantine.shards_of(job.request.tenant, rows):
        with tempfile.TemporaryDirectory(prefix="assay-quarantine-") as folder:
            former, left = Path(folder, "former"), Path(folder, "left")
            try:
                done = cut(registry.shards.fetch_file(reference, former), left, rows)
            except NotFound:
                continue
            add_to_probe(registry, job, Probe(texts=tuple(sorted(done.texts)), rows=tuple(sorted(rows))))
            registry.quarantine.moved(reference, store_like(registry, left, reference) if done.left else None, rows)
        gone.append(reference)
    registry.shards.destroy_all(gone, job.case)
    return gone


def _weights(registry: Registry, withdrawn: Withdrawn) -> Iterator[str]:
    names = {one.name: one.kind for one in withdrawn.artifacts}
    files = [name for name, kind in names.items() if kind == "checkpoint"]
    for run in (name for name, kind in names.items() if kind == "run"):
        try:
            files += [candidate.files.sha256 for candidate in registry.runs.get(run).result.candidates]
        except NotFound:
            continue  # it never ended well
    for digest in files:
        try:
            listed = trees.parse(registry.blobs.get(digest))
        except (NotFound, IntegrityRefused):
            continue
        yield from (entry.sha256 for entry in listed.files if entry.path.endswith(_WEIGHTS))


def _samples(registry: Registry, withdrawn: Withdrawn) -> Iterator[str]:
    """Answers of withdrawn adapters in evaluation reports; those of the base stay."""
    adapters = {one.name for one in withdrawn.artifacts if one.kind == "adapter"}
    for report in (one.name for one in withdrawn.artifacts if one.kind == "report"):
        try:
            arms = registry.evaluations.get(report).result.arms
        except NotFound:
            continue
        yield from (arm.samples.sha256 for arm in arms if arm.adapter in adapters)


def _remove_folders(registry: Registry, withdrawn: Withdrawn, home: Path) -> Iterator[bool]:
    """On this disk; workers on others do the same within seconds."""
    store = AdapterStore(home, registry.blobs)
    for one in withdrawn.artifacts:
        if one.kind == "adapter":
            yield store.discard(one.name)
        if one.kind == "run" and (folder := home / "runs" / one.name).is_dir():
            shutil.rmtree(folder, ignore_errors=True)
            yield True

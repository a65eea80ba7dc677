"""What is destroyed: keys of shards, weights and samples made from the rows, folders, entries in the registry."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from activities.erasure.probe import Probe, add_to_probe, learn, sealed_probe
from activities.erasure.resealing import HELD, shard_uri, shards_of
from activities.erasure.tables import blank, cut, holds, pick, store_like, take
from activities.erasure.withdrawing import withdrawn_by_now
from activities.evaluation.samples import SAMPLES
from assay.contracts.base import Reference
from assay.contracts.erasure import Artifact, CaseJob, Held, Shredded, Withdrawn
from assay.contracts.errors import Conflict, IntegrityRefused, NotFound, Unavailable
from registry import DatasetRecord, Registry, trees
from serving.adapters import AdapterStore


def held(registry: Registry, job: CaseJob) -> Held:
    """Legal holds on a person whose rows these are or whom they name, or on a dataset with rows of this case."""
    request, found = job.request, registry.erasures.found(job.case)
    datasets = {one.dataset for one in found.own} | ({request.dataset} if request.dataset else set())
    subjects = {one for one in (request.subject, *request.mentions) if one}
    found_ = (*registry.holds.on(request.tenant, subjects, datasets), *registry.holds.on_case(job.case, request))
    touched = dict.fromkeys(found_)
    return Held(holds=tuple(f"{one.id}: {one.reason}" for one in touched))


def shred(registry: Registry, job: CaseJob, withdrawn: Withdrawn, home: Path) -> Shredded:
    """Destroy in the order in which it matters: keys first. Again it destroys what is left, and answers the same.

    Raises Conflict (`ERASURE_HELD`), Unavailable.
    """
    if stopped := held(registry, job).holds:
        raise Conflict("ERASURE_HELD", f"legal hold {', '.join(stopped)}", "lift the hold; the erasure goes on then")
    registry.shards.destroy_all(_left_over(registry, job), job.case)
    shards = list(_shards(registry, job))
    _keep_held(registry, job, shards)
    _destroy(registry, job, shards)
    _rewrite_ledgers(registry, job)
    _cut_quarantine(registry, job)
    artifacts = withdrawn_by_now(registry, job, withdrawn.artifacts)
    blobs = _destroy_learnt(registry, job, artifacts)
    rows, scrubbed = registry.erasures.clear_records(job.case, job.request), registry.scrub()
    folders = sum(_remove_folders(registry, artifacts, home))  # last: one that stays is waited for
    return Shredded(
        # By what the registry says: an earlier try may have been killed before it could. Another case's are not named.
        shards=tuple(one for one in sealed_probe(registry, job).shards if registry.shards.destroyed(one) == job.case),
        blobs=blobs,
        folders=folders,
        ledger_rows=rows,
        scrubbed=scrubbed,
    )


def _left_over(registry: Registry, job: CaseJob) -> list[Reference]:
    """What an earlier try wrote down and may not have reached; not what rows of others still stand in."""
    used = {registry.datasets.get(one.dataset).ledger for one in registry.erasures.found(job.case).own}
    used |= set(registry.erasures.set_aside(job.case, job.request))
    known = sealed_probe(registry, job)
    # Rows of others that stand in a shard of quarantined rows are not moved yet: this try moves them.
    spared = {one.sha256 for one in used} | registry.quarantine.named((*known.shards, *known.former))
    gone = (one for one in (*known.shards, *known.former) if one not in spared)
    return [Reference(uri=shard_uri(one), sha256=one) for one in gone]


def _destroy(registry: Registry, job: CaseJob, shards: list[Reference]) -> None:
    """Written down first: whoever tries again, or searches, knows what has to be gone."""
    add_to_probe(registry, job, Probe(shards=tuple(one.sha256 for one in shards)))
    registry.shards.destroy_all(shards, job.case)


def _shards(registry: Registry, job: CaseJob) -> Iterator[Reference]:
    """Of datasets whose rows were learnt from: every shard with a row of the case in it, and the ledger."""
    for one in registry.erasures.found(job.case).own:
        if not one.kept:
            continue
        record = registry.datasets.get(one.dataset)
        rows = {target.row_id for target in registry.erasures.targets(job.case, dataset=one.dataset)}
        used = _used(registry, job, record)
        for reference in shards_of(registry, record):
            if reference not in used and _has(registry, reference, rows):
                yield reference
        if record.ledger not in used:
            yield record.ledger


def _used(registry: Registry, job: CaseJob, record: DatasetRecord) -> set[Reference]:
    """Files of other seals of the dataset, whose own time is not over: the same rows are stored once for all of them.

    A person's rows are in the case wherever they stand, so nothing of it is spared.
    """
    used = set[Reference]()
    if job.request.ground != "retention":
        return used
    for other in registry.datasets.all_named(record.request.tenant, record.request.dataset):
        if other.dataset.id != record.dataset.id and not other.quarantined:
            used |= {*shards_of(registry, other), other.ledger}
    return used


def _keep_held(registry: Registry, job: CaseJob, shards: list[Reference]) -> None:
    """Rows of others in the same shards that are under a legal hold: unservable, like all of the dataset, but kept."""
    people = {one.subject for one in registry.holds.list(job.request.tenant) if one.subject}
    gone = registry.erasures.rows(job.case, job.request)
    for one in registry.erasures.found(job.case).own if people else ():
        held_ = {"subject": people, "row_id": registry.holds.kept_from(job.case, job.request.tenant, one.dataset)}
        of = set(shards_of(registry, registry.datasets.get(one.dataset)))
        for reference in sorted(of & set(shards), key=lambda shard: shard.sha256):
            with tempfile.TemporaryDirectory(prefix="assay-held-") as folder:
                whole, left, theirs = (Path(folder, name) for name in ("whole", "left", "theirs"))
                cut(registry.shards.fetch_file(reference, whole), left, gone)
                if pick(left, theirs, held_):
                    kept = registry.shards.put_file(theirs).sha256
                    registry.lineage.link(one.dataset, kept, HELD, parent_kind="dataset", child_kind="shard")


def _rewrite_ledgers(registry: Registry, job: CaseJob) -> None:
    """Of datasets that never held the rows, only their lines in the ledger: the dataset stays, and its ledger's lines
    at their places, without saying whose they were. Intakes of the same rows have one ledger together."""
    for ledger, (datasets, rows) in sorted(_ledgers(registry, job).items(), key=lambda one: one[0].sha256):
        if not _has(registry, ledger, rows):
            continue
        with tempfile.TemporaryDirectory(prefix="assay-ledger-") as folder:
            former, left = Path(folder, "former"), Path(folder, "left")
            blank(registry.shards.fetch_file(ledger, former), left, rows)
            new = store_like(registry, left, ledger)
        alone = registry.datasets.with_ledger(ledger.sha256) <= {*datasets}
        if alone:  # else it is not one that has to be gone: rows of a dataset beside have a time of their own
            add_to_probe(registry, job, Probe(shards=(ledger.sha256,)))
        for dataset in datasets:
            registry.erasures.keep_ledger(dataset, new)
        if alone:
            _destroy(registry, job, [ledger])


def _ledgers(registry: Registry, job: CaseJob) -> dict[Reference, tuple[list[str], set[str]]]:
    """Ledgers of datasets that the case has rows of and that stay: whose they are, and the rows."""
    found: dict[Reference, tuple[list[str], set[str]]] = {}
    for one in registry.erasures.found(job.case).own:
        if not one.kept:
            datasets, rows = found.setdefault(registry.datasets.get(one.dataset).ledger, ([], set()))
            datasets.append(one.dataset)
            rows |= {target.row_id for target in registry.erasures.targets(job.case, dataset=one.dataset)}
    return found


def _has(registry: Registry, reference: Reference, rows: Collection[str]) -> bool:
    """Also one whose key is destroyed already: its bytes may still have to be removed."""
    with tempfile.TemporaryDirectory(prefix="assay-shred-") as folder:
        try:
            return holds(registry.shards.fetch_file(reference, Path(folder, "shard")), rows)
        except NotFound:
            return False


def _cut_quarantine(registry: Registry, job: CaseJob) -> None:
    """Write shards of quarantined rows again without those of the case, and say where the others stand now.

    A copy that no queue names goes too, whosever it is: its row was found again by a later intake, in another shard.
    """
    rows, gone = registry.erasures.rows(job.case, job.request), []
    named = registry.erasures.set_aside(job.case, job.request)
    learn(registry, job, named)
    others = (one for one in registry.erasures.quarantine_shards(job.request) if one not in named)
    for reference in (*named, *(one for one in others if _has(registry, one, rows))):
        while (cut_ := _cut_shard(registry, job, reference, rows)) is None:
            pass  # an intake has put a row there meanwhile
        if cut_:
            gone.append(reference)
    _destroy(registry, job, gone)


def _cut_shard(registry: Registry, job: CaseJob, reference: Reference, rows: Collection[str]) -> bool | None:
    """Whether the shard is to be destroyed now; None where it has changed while it was written."""
    left = [at for at, row_id in sorted(registry.quarantine.places(reference).items()) if row_id not in rows]
    with tempfile.TemporaryDirectory(prefix="assay-quarantine-") as folder:
        former, target = Path(folder, "former"), Path(folder, "left")
        try:
            take(registry.shards.fetch_file(reference, former), target, left)
        except NotFound:
            return not registry.shards.readable(reference)  # its bytes may still have to be removed
        add_to_probe(registry, job, Probe(shards=(reference.sha256,)))
        new = store_like(registry, target, reference) if left else None
    return True if registry.quarantine.moved(reference, new, left, rows) else None


def _destroy_learnt(registry: Registry, job: CaseJob, artifacts: tuple[Artifact, ...]) -> int:
    """Blobs of these artifacts that hold what their rows taught, weights and answers; how many these are.

    What is there is noted first, as it may be another case that destroys what this one withdrew.
    """
    weights = [*_weights(registry, artifacts)]
    blobs = {*(digest for _, digest in weights), *_samples(registry, artifacts)}
    there = {digest for digest in blobs if registry.blobs.has(digest)}
    # An adapter's own name is that of its folder, which no blob has.
    registry.destroyed.note({*there, *(name for name, digest in weights if digest in there)}, job.case)
    for digest in sorted(blobs):
        registry.blobs.remove(digest)
    return len(blobs)


def withdrawn_blobs(registry: Registry, job: CaseJob) -> frozenset[str]:
    """Weights and answers that have to be gone by now, also those that were stored after everything was destroyed."""
    gone = withdrawn_by_now(registry, job)
    return frozenset({*(digest for _, digest in _weights(registry, gone)), *_samples(registry, gone)})


def run_folders(registry: Registry, job: CaseJob, home: Path) -> tuple[str, ...]:
    """Folders of withdrawn runs that are there on this disk: a trainer that is stopped saves a last checkpoint."""
    runs = (one.name for one in withdrawn_by_now(registry, job) if one.kind == "run")
    return tuple(f"folder runs/{run}" for run in sorted(runs) if (home / "runs" / run).exists())


def _weights(registry: Registry, artifacts: tuple[Artifact, ...]) -> Iterator[tuple[str, str]]:
    """(checkpoint or adapter, blob with weights of it)"""
    names = {one.name: one.kind for one in artifacts}
    files = [(name, name) for name, kind in names.items() if kind == "checkpoint"]
    for run in (name for name, kind in names.items() if kind == "run"):
        try:
            files += [(one.adapter, one.files.sha256) for one in registry.runs.get(run).result.candidates]
        except NotFound:
            continue  # it never ended well
    for name, digest in files:
        try:
            listed = trees.parse(registry.blobs.get(digest))
        except (NotFound, IntegrityRefused):
            continue
        yield from ((name, weights) for weights in trees.weights(listed))


def _samples(registry: Registry, artifacts: tuple[Artifact, ...]) -> Iterator[str]:
    """Answers of withdrawn adapters, also those that no report names yet; those of the base stay."""
    yield from (one.name for one in artifacts if one.kind == SAMPLES)
    adapters = {one.name for one in artifacts if one.kind == "adapter"}
    for report in (one.name for one in artifacts if one.kind == "report"):
        try:
            arms = registry.evaluations.get(report).result.arms
        except NotFound:
            continue
        yield from (arm.samples.sha256 for arm in arms if arm.adapter in adapters)


def _remove_folders(registry: Registry, artifacts: tuple[Artifact, ...], home: Path) -> Iterator[bool]:
    """On this disk. Serving workers on others remove adapters within seconds; run folders on other disks stay.

    Raises Unavailable (`RUN_FOLDER_KEPT`).
    """
    store = AdapterStore(home, registry.blobs)
    for one in artifacts:
        if one.kind == "adapter":
            yield store.discard(one.name)
        if one.kind == "run" and (folder := home / "runs" / one.name).is_dir():
            with suppress(OSError):
                trees.remove(folder)
            shutil.rmtree(folder, ignore_errors=True)  # what a trainer that is being stopped wrote meanwhile
            if folder.exists():
                raise Unavailable(
                    "RUN_FOLDER_KEPT",
                    f"the folder of run {one.name} cannot be removed",
                    "remove it below `runs`: the erasure goes on by itself",
                )
            yield True

"""A dataset again without the rows of a case: from the shards that are there, never from the source."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import rfc8785

from activities.data.ledger import BLANK_ID, KEPT, read_ledger
from activities.data.ledgers import composition
from activities.data.licences import normalise
from activities.erasure.probe import learn
from activities.erasure.tables import cut, holds, store_like
from assay.contracts.base import CodeCount, Reference
from assay.contracts.data import Dataset, RowCounts
from assay.contracts.erasure import CaseJob, NewDataset
from assay.contracts.errors import InputRefused, NotFound
from registry import DatasetRecord, LedgerEntry, Registry
from registry.datasets import VERSION_TAKEN

HELD: Final = "held rows"
"""Lineage from a dataset to a shard of rows that a legal hold kept when the rest of their shard had to go."""


def reseal(registry: Registry, job: CaseJob) -> tuple[NewDataset, ...]:
    """For every dataset that the case withdrew the newest clean version with all of its other rows: one that is there,
    for the same purpose, or a new one. A version that a newer one has all rows of gets none of its own.

    Looks for the rows again first: another case may have sealed them into a new version since they were found. What is
    found so is withdrawn here. Looks once more at the end: rows that mention the person stand in the new versions too,
    where a reviewer reads them when the former shards are gone. Raises IntegrityRefused, Unavailable.
    """
    found = registry.erasures.find(job.case, job.request)
    learnt = [one.dataset for one in found.own if one.kept]
    if learnt:
        registry.withdrawals.withdraw(job.case, learnt)
    records = [registry.datasets.get(one) for one in learnt]
    shards = (one for record in records for one in shards_of(registry, record))
    learn(registry, job, (*shards, *registry.erasures.set_aside(job.case, job.request)))
    made: dict[str, DatasetRecord | None] = {}
    for name in dict.fromkeys((record.request.tenant, record.request.dataset) for record in records):
        made |= _clean(registry, job, name, {record.dataset.id for record in records})
    registry.erasures.find(job.case, job.request)
    answers = ((record, made[record.dataset.id]) for record in records)
    return tuple(
        NewDataset(
            replaces=old.dataset.id,
            dataset=new.dataset.id if new else None,
            version=new.request.version if new else None,
            rows=new.dataset.counts.accepted if new else 0,
        )
        for old, new in answers
    )


def shard_uri(digest: str) -> str:
    """Of an encrypted file."""
    return digest.replace("sha256:", "shard:")


def shards_of(registry: Registry, record: DatasetRecord) -> tuple[Reference, ...]:
    """Shards of a dataset, by its manifest, in order; then those that legal holds kept of it."""
    entries = json.loads(registry.blobs.get(record.dataset.manifest))["shards"]
    kept = [one.name for one in registry.lineage.descendants(record.dataset.id) if one.relation == HELD]
    return (
        *(Reference(uri=entry["uri"], sha256=entry["sha256"]) for entry in entries),
        *(Reference(uri=shard_uri(one), sha256=one) for one in kept),
    )


def _clean(
    registry: Registry, job: CaseJob, name: tuple[str, str], withdrawn: Collection[str]
) -> dict[str, DatasetRecord | None]:
    """The answer for each of these versions of one name; others' rows may stand in an older one alone."""
    known = registry.datasets.all_named(*name)
    old = [record for record in known if record.dataset.id in withdrawn]
    going = {record.dataset.id: _going(registry, job, record) for record in old}
    clean = [record for record in known if not record.quarantined and not _rows(registry, job, record)]
    alone: list[DatasetRecord] = []
    for record in old:
        if _readable(registry, record) and _with_all_of(registry, record, going, (*clean, *alone)) is None:
            alone.append(record)
    version = max(record.request.version for record in known)
    for record in reversed(alone):  # the newest gets the highest number
        made, version = _next_version(registry, record, going[record.dataset.id], version)
        if made is not None:
            clean.insert(0, made)
    return {record.dataset.id: _with_all_of(registry, record, going, clean) for record in old}


def _next_version(
    registry: Registry, record: DatasetRecord, rows: Collection[str], version: int
) -> tuple[DatasetRecord | None, int]:
    """What is left of a version, and the number that it got: the first free one after `version`."""
    while True:
        version += 1
        try:
            return _without(registry, record, rows, version), version
        except InputRefused as error:
            if error.code != VERSION_TAKEN:
                raise


def _with_all_of(
    registry: Registry, record: DatasetRecord, going: Mapping[str, Collection[str]], among: Iterable[DatasetRecord]
) -> DatasetRecord | None:
    """The first of these for the same purpose with every row of a version that does not have to go; None where there is
    no such row."""
    of, purpose = record.dataset.id, record.request.purpose
    if not registry.datasets.has_others(of, going[of]):
        return None
    same = (one for one in among if one.request.purpose == purpose)
    return next((one for one in same if registry.datasets.has_all(one.dataset.id, of, going[of])), None)


def _readable(registry: Registry, record: DatasetRecord) -> bool:
    """False where another case destroyed its keys."""
    try:
        parts = (record.ledger, *shards_of(registry, record))
    except NotFound:
        return False
    return {one.sha256 for one in parts} == registry.shards.all_readable(parts)


def _going(registry: Registry, job: CaseJob, record: DatasetRecord) -> set[str]:
    """Rows of the case, of another open one or of somebody who is suppressed: a new version is clean for all."""
    return _rows(registry, job, record) | registry.erasures.leaving(record.request.tenant, record.dataset.id)


def _rows(registry: Registry, job: CaseJob, record: DatasetRecord) -> set[str]:
    return {one.row_id for one in registry.erasures.targets(job.case, dataset=record.dataset.id)}


def _without(registry: Registry, record: DatasetRecord, rows: Collection[str], version: int) -> DatasetRecord | None:
    """A version like this one without these rows; None when nothing is left, or its keys are destroyed.

    Its manifest does not name the case: two that leave out the same rows at once seal the same dataset. Raises
    InputRefused (`DATASET_VERSION_TAKEN`).
    """
    manifest = json.loads(registry.blobs.get(record.dataset.manifest))
    with tempfile.TemporaryDirectory(prefix="assay-reseal-") as folder:
        scratch = Path(folder)
        try:
            shards = [*_shards(registry, manifest["shards"], rows, scratch)]
            former = registry.shards.fetch_file(record.ledger, scratch / "former.ledger")
        except NotFound:
            return None  # its keys are destroyed: another case was here
        if not shards:
            return None
        whole = scratch / "whole.ledger"
        cut(former, whole, {*rows, BLANK_ID})
        ledger = store_like(registry, whole, record.ledger)
        counts, groups = _counts(whole), composition((whole,))
        body = manifest | {
            "version": version,
            "shards": shards,
            "ledger": {**ledger.model_dump(), "rows": counts.read},
            "counts": counts.model_dump(mode="json"),
            "licences": sorted({one for group in groups for one in normalise(group.licence).ids}),
            "composition": [group.model_dump() for group in groups],
            "replaces": record.dataset.id,
        }
        stored = registry.blobs.put(rfc8785.dumps(body))
        dataset = Dataset(id=stored.sha256, manifest=stored, counts=counts)
        request = record.request.model_copy(update={"version": version})
        # `add` looks again; but what it refuses must not be in the lineage, which is told first.
        seals = registry.datasets.all_named(request.tenant, request.dataset)
        if any(one.request.version == version and one.dataset.id != dataset.id for one in seals):
            raise InputRefused(VERSION_TAKEN, f"version {version} was sealed meanwhile", "the next number is tried")
        # First: a dataset that is there is taken as it is when this is tried again.
        _link(registry, record.dataset.id, dataset.id)
        registry.datasets.add(dataset, request, ledger, _entries(whole), beside=())
    return registry.datasets.get(dataset.id)


def _shards(
    registry: Registry, shards: list[dict[str, Any]], rows: Collection[str], scratch: Path
) -> Iterator[dict[str, Any]]:
    """Entries of the new manifest; a shard in which none of the rows stands is the same as before."""
    for entry in shards:
        reference = Reference(uri=entry["uri"], sha256=entry["sha256"])
        path = registry.shards.fetch_file(reference, scratch / "former")
        if not holds(path, rows):
            yield entry
            continue
        if left := cut(path, scratch / "left", rows):
            yield entry | store_like(registry, scratch / "left", reference).model_dump() | {"rows": left}


def _counts(ledger: Path) -> RowCounts:
    outcomes: Counter[str] = Counter()
    codes: dict[str, Counter[str]] = {"refused": Counter(), "redacted": Counter(), "quarantined": Counter()}
    for row in (row for batch in read_ledger(ledger) for row in batch):
        outcomes[row["outcome"]] += 1
        codes.get(row["outcome"], Counter()).update(row["codes"])
    by = {f"{name}_by_code": _by_code(counter) for name, counter in codes.items()}
    kept = sum(outcomes[name] for name in KEPT)
    plain = {name: outcomes[name] for name in ("redacted", "refused", "quarantined")}
    return RowCounts.model_validate({"read": outcomes.total(), "accepted": kept, **plain, **by})


def _by_code(counter: Counter[str]) -> tuple[CodeCount, ...]:
    return tuple(CodeCount(code=code, count=count) for code, count in sorted(counter.items()))


def _entries(ledger: Path) -> Iterator[LedgerEntry]:
    names = ("row_id", "source", "outcome", "licence", "consent", "tier", "subject")
    for ordinal, row in enumerate(row for batch in read_ledger(ledger) for row in batch):
        kept = {name: row[name] for name in names}
        yield LedgerEntry(**kept, ordinal=ordinal, codes=tuple(row["codes"]), mentions=tuple(row.get("mentions") or ()))


def _link(registry: Registry, former: str, new: str) -> None:
    """From the same sources. Not from the former dataset: what is made from that one may not be used."""
    for node in registry.lineage.ancestors(former):
        if node.depth == 1:
            registry.lineage.link(node.name, new, node.relation, parent_kind=node.kind, child_kind="dataset")

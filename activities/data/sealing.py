"""Screened sources become one dataset: a manifest that names every byte, and its entry in the record of truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import rfc8785
from pydantic import TypeAdapter

from activities.data.ledger import LEDGER, Table, read_ledger
from activities.data.ledgers import columns, composition
from activities.data.licences import normalise
from activities.data.manifest import refuse_taken
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import InputRefused
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewQueue
from assay.contracts.screening import IntakeKey, ScreenedSource, SealJob
from registry import LedgerEntry, QuarantinedRow, Registry
from registry.quarantine import Aside

MANIFEST_SCHEMA: Final = 1
Still = Callable[[Source, bool], Sequence[Decision]]
"""Refuses when the gate says something else of a source than it did (its second argument); the decisions it got."""
_DECISIONS: Final = TypeAdapter(list[Decision])


def seal(job: SealJob, registry: Registry, still: Still) -> Dataset:
    """Store manifest and ledger, enter the dataset with its lineage and decisions. The same job twice seals once.

    Rows that were set aside wait for reviewers from here on, whether or not any other row enters. `still` is asked of
    each source at the last moment.

    Raises InputRefused (`DATASET_EMPTY`, `DATASET_VERSION_TAKEN`, `SOURCES_UNSCREENED`, `SUBJECT_SUPPRESSED`),
    PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), IntegrityRefused, Unavailable.
    """
    _refuse_unscreened(job)
    beside = refuse_taken(registry, job.request.tenant, job.request.dataset, job.request.version)
    said = [
        still(source, screened.admitted) for source, screened in zip(job.request.sources, job.screened, strict=True)
    ]
    counts = RowCounts.total(s.counts for s in job.screened)
    with tempfile.TemporaryDirectory(prefix="assay-seal-") as folder:
        scratch = Path(folder)
        if not counts.accepted:
            queue, rows, requested_by, owner = _aside(job, registry, scratch)
            registry.quarantine.add(queue, rows, requested_by=requested_by, owner=owner)
            raise _empty(counts)
        whole = _joined(job, registry, scratch)
        ledger = registry.shards.put_file(whole, IntakeKey.of(job.request).name)
        manifest = registry.blobs.put(_manifest(job, counts, ledger, composition((whole,))))
        dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=counts)
        aside = _aside(job, registry, scratch)
        registry.datasets.add(dataset, _normalised(job.request), ledger, _entries(whole), aside=aside, beside=beside)
    _record(job, dataset, [decision for decisions in said for decision in decisions], registry)
    return dataset


def _joined(job: SealJob, registry: Registry, scratch: Path) -> Path:
    whole = scratch / "whole.ledger"
    with Table(whole, LEDGER) as table:
        for shard in (shard for screened in job.screened for shard in screened.shards):
            registry.shards.fetch_file(shard.ledger, scratch / "part")
            for rows in columns((scratch / "part",), LEDGER.names):
                table.add(rows)
    return whole


def _aside(job: SealJob, registry: Registry, scratch: Path) -> Aside:
    """Rows that wait for a reviewer. They are read before they are entered: no transaction waits for a store."""
    request = job.request
    queue = ReviewQueue(tenant=request.tenant, dataset=request.dataset, purpose=request.purpose)
    rows: list[QuarantinedRow] = []
    for shard in (shard for screened in job.screened for shard in screened.shards):
        if shard.quarantined is not None:
            rows += _waiting(registry.shards.fetch_file(shard.ledger, scratch / "part"), shard.quarantined)
    return Aside(queue, rows, request.requested_by, IntakeKey.of(request).name)


def _waiting(part: Path, shard: Reference) -> Iterator[QuarantinedRow]:
    """They stand in their shard in the order of the ledger."""
    rows = (row for batch in read_ledger(part) for row in batch if row["outcome"] == "quarantined")
    for ordinal, row in enumerate(rows):
        yield QuarantinedRow(
            row_id=row["row_id"],
            source=row["source"],
            codes=tuple(row["codes"]),
            findings=tuple(row["findings"]),
            subject=row["subject"],
            mentions=tuple(row["mentions"] or ()),
            shard=shard,
            ordinal=ordinal,
        )


def _refuse_unscreened(job: SealJob) -> None:
    names, screened = [s.name for s in job.request.sources], [s.source for s in job.screened]
    if names != screened or len(set(names)) != len(names):
        raise InputRefused(
            "SOURCES_UNSCREENED",
            f"{len(names)} sources were asked for and {len(screened)} were screened, or two have one name",
            "give every source its own name, and start the intake again",
        )


def _empty(counts: RowCounts) -> InputRefused:
    reasons = ", ".join(f"{c.code} {c.count}" for c in (*counts.refused_by_code, *counts.quarantined_by_code))
    return InputRefused(
        "DATASET_EMPTY",
        f"none of {counts.read} rows was accepted ({reasons})",
        "look at the codes: each has its remedy in docs/policies.md",
    )


def _manifest(job: SealJob, counts: RowCounts, ledger: Reference, groups: tuple[RowGroup, ...]) -> bytes:
    """Canonical JSON without times and decision ids: the same rows make the same dataset, whenever they are sealed."""
    request = _normalised(job.request)
    synthetic = sum(
        s.counts.accepted for s, source in zip(job.screened, request.sources, strict=True) if source.synthetic_depth
    )
    body: dict[str, Any] = {
        "schema": MANIFEST_SCHEMA,
        "tenant": request.tenant,
        "dataset": request.dataset,
        "version": request.version,
        "purpose": request.purpose,
        "shards": [shard for screened in job.screened for shard in _shards(screened)],
        "ledger": {**ledger.model_dump(), "rows": counts.read},
        "counts": counts.model_dump(mode="json"),
        "licences": _licences(groups),
        "composition": [group.model_dump() for group in groups],
        "synthetic_share": round(synthetic / counts.accepted, 6),
        "sources": [
            {**source.model_dump(mode="json", exclude={"uri", "dpia", "assessments"}), "sha256": screened.digest}
            for source, screened in zip(request.sources, job.screened, strict=True)
        ],
    }
    return rfc8785.dumps(body)


def _shards(screened: ScreenedSource) -> Iterator[dict[str, Any]]:
    for shard in screened.shards:
        if shard.rows is not None:
            yield {**shard.rows.model_dump(), "source": screened.source, "rows": shard.counts.accepted}


def _record(job: SealJob, dataset: Dataset, said: list[Decision], registry: Registry) -> None:
    """Decisions about rows in the order of the rows, then those about the sources at the end."""
    for screened in job.screened:
        registry.lineage.link(
            screened.digest, dataset.id, f"screened as {screened.source}", parent_kind="source", child_kind="dataset"
        )
        for shard in screened.shards:
            for decision in _DECISIONS.validate_json(registry.blobs.get(shard.decisions)):
                registry.decisions.add(decision, dataset.id)
    for decision in said:
        registry.decisions.add(decision, dataset.id)


def _normalised(request: IntakeRequest) -> IntakeRequest:
    """With licences as they were judged, not as somebody spelt them."""
    sources = tuple(s.model_copy(update={"licence": normalise(s.licence).expression}) for s in request.sources)
    return request.model_copy(update={"sources": sources})


def _licences(groups: tuple[RowGroup, ...]) -> list[str]:
    """Every licence that an accepted row is under, sorted."""
    return sorted({name for group in groups for name in normalise(group.licence).ids})


def _entries(ledger: Path) -> Iterator[LedgerEntry]:
    rows = (row for batch in read_ledger(ledger) for row in batch)
    for ordinal, row in enumerate(rows):
        kept = {n: row[n] for n in ("row_id", "source", "outcome", "licence", "consent", "tier", "subject")}
        yield LedgerEntry(**kept, ordinal=ordinal, codes=tuple(row["codes"]), mentions=tuple(row["mentions"] or ()))

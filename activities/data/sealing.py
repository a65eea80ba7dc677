"""Screened sources become one dataset: a manifest that names every byte, and its entry in the record of truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import rfc8785

from activities.data.ledger import LEDGER, Table, read_ledger, source_digest_of
from activities.data.ledgers import composition
from activities.data.licences import normalise
from assay.contracts.base import Reference
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, ScreenedSource, SealJob
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import InputRefused
from registry import LedgerEntry, Registry

MANIFEST_SCHEMA: Final = 1


def seal(job: SealJob, registry: Registry) -> Dataset:
    """Store manifest and ledger, enter the dataset with its lineage and decisions. The same job twice seals once.

    Raises InputRefused (`DATASET_EMPTY`, `SOURCES_UNSCREENED`), IntegrityRefused, Unavailable.
    """
    counts = _sealable(job)
    with tempfile.TemporaryDirectory(prefix="assay-seal-") as scratch:
        ledgers = [registry.blobs.fetch_file(s.ledger, Path(scratch, f"{s.source}.parquet")) for s in job.screened]
        digests = [source_digest_of(path) for path in ledgers]
        whole = Path(scratch, "whole.ledger")
        _join(ledgers, whole)
        ledger = registry.blobs.put_file(whole)
        manifest = registry.blobs.put(_manifest(job, counts, ledger, digests, composition((whole,))))
        dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=counts)
        registry.datasets.add(dataset, _normalised(job.request), ledger, _entries(whole))
    _record(job, dataset, digests, registry)
    return dataset


def _sealable(job: SealJob) -> RowCounts:
    names, screened = [s.name for s in job.request.sources], [s.source for s in job.screened]
    if names != screened or len(set(names)) != len(names):
        raise InputRefused(
            "SOURCES_UNSCREENED",
            f"{len(names)} sources were asked for and {len(screened)} were screened, or two have one name",
            "give every source its own name, and start the intake again",
        )
    counts = RowCounts.total(s.counts for s in job.screened)
    if not counts.accepted:
        reasons = ", ".join(f"{c.code} {c.count}" for c in counts.refused_by_code)
        raise InputRefused(
            "DATASET_EMPTY",
            f"none of {counts.read} rows was accepted ({reasons})",
            "look at the codes: each has its remedy in docs/policies.md",
        )
    return counts


def _manifest(
    job: SealJob, counts: RowCounts, ledger: Reference, digests: list[str], groups: tuple[RowGroup, ...]
) -> bytes:
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
        "shards": [_shard(s) for s in job.screened],
        "ledger": {**ledger.model_dump(), "rows": counts.read},
        "counts": counts.model_dump(mode="json"),
        "licences": _licences(groups),
        "composition": [group.model_dump() for group in groups],
        "synthetic_share": round(synthetic / counts.accepted, 6),
        "sources": [
            {**source.model_dump(mode="json", exclude={"uri", "dpia", "assessments"}), "sha256": digest}
            for source, digest in zip(request.sources, digests, strict=True)
        ],
    }
    return rfc8785.dumps(body)


def _shard(screened: ScreenedSource) -> dict[str, Any]:
    return {**screened.rows.model_dump(), "source": screened.source, "rows": screened.counts.accepted}


def _record(job: SealJob, dataset: Dataset, digests: list[str], registry: Registry) -> None:
    for screened, digest in zip(job.screened, digests, strict=True):
        registry.lineage.link(
            digest, dataset.id, f"screened as {screened.source}", parent_kind="source", child_kind="dataset"
        )
        for decision in screened.decisions:
            registry.decisions.add(decision, dataset.id)


def _normalised(request: IntakeRequest) -> IntakeRequest:
    """With licences as they were judged, not as somebody spelt them."""
    sources = tuple(s.model_copy(update={"licence": normalise(s.licence).expression}) for s in request.sources)
    return request.model_copy(update={"sources": sources})


def _join(ledgers: list[Path], target: Path) -> None:
    with Table(target, LEDGER) as table:
        for path in ledgers:
            for batch in read_ledger(path):
                table.write(batch)


def _licences(groups: tuple[RowGroup, ...]) -> list[str]:
    """Every licence that an accepted row is under, sorted."""
    return sorted({name for group in groups for name in normalise(group.licence).ids})


def _entries(ledger: Path) -> Iterator[LedgerEntry]:
    rows = (row for batch in read_ledger(ledger) for row in batch)
    for ordinal, row in enumerate(rows):
        kept = {n: row[n] for n in ("row_id", "source", "outcome", "licence", "consent", "tier", "subject")}
        yield LedgerEntry(**kept, ordinal=ordinal, codes=tuple(row["codes"]), mentions=tuple(row["mentions"] or ()))

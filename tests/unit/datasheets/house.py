"""Sealed datasets made from ledger rows, so that these tests need neither scanners nor gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import rfc8785

from activities.data.ledger import LEDGER, Table
from activities.data.ledgers import composition
from assay.contracts.base import Reference, canonical_digest
from assay.contracts.data import Dataset, IntakeRequest, RowCounts, Source
from registry import LedgerEntry, Registry

KEPT: Final = ("accepted", "redacted")


def source(name: str = "tickets", **terms: Any) -> Source:
    plain: dict[str, Any] = {
        "uri": f"{name}.jsonl",
        "system": "helpdesk",
        "owner": "ann@acme.example",
        "licence": "MIT",
        "purposes": ("train-tenant-model",),
        "consent": "granted",
        "retention_days": 365,
        "tier": "curated",
    }
    return Source(name=name, **{**plain, **terms})


def entry(number: int, of: Source | None = None, **fields: Any) -> dict[str, Any]:
    """A row of a ledger; what its source says stands in it."""
    of = of or source()
    plain = {
        "row_id": canonical_digest({"source": of.name, "number": number}),
        "source": of.name,
        "line": number + 1,
        "outcome": "accepted",
        "codes": [],
        "findings": [],
        "licence": of.licence,
        "consent": of.consent,
        "purposes": list(of.purposes),
        "system": of.system,
        "tier": of.tier,
        "synthetic_depth": of.synthetic_depth,
        "retention_days": of.retention_days,
        "subject": "",
        "kind": "call",
        "characters": 100,
        "language": "en",
        "duplicate_of": "",
        "mentions": [],
        "treatments": [],
    }
    return {**plain, **fields}


@dataclass(frozen=True)
class House:
    """A registry in a folder."""

    registry: Registry
    folder: Path

    def ledger(self, rows: Sequence[dict[str, Any]], name: str = "ledger", group: int = 500) -> Path:
        path = self.folder / f"{name}.parquet"
        with Table(path, LEDGER) as table:
            for start in range(0, len(rows), group):
                table.write(rows[start : start + group])
        return path

    def seal(
        self,
        rows: Sequence[dict[str, Any]],
        sources: Iterable[Source] = (),
        *,
        name: str = "support",
        version: int = 1,
        tenant: str = "acme",
        group: int = 500,
        shards: Sequence[dict[str, Any]] = (),
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """Enter a dataset of these ledger rows, so many a row group; its id. Its manifest says `more` as well."""
        path = self.ledger(rows, group=group)
        stored = self.registry.blobs.put_file(path)
        stated = tuple(sources) or (source(),)
        kept = sum(row["outcome"] in KEPT for row in rows)
        request = IntakeRequest(
            tenant=tenant, dataset=name, version=version, sources=stated, requested_by="ann@acme.example"
        )
        manifest = self.registry.blobs.put(
            rfc8785.dumps(
                {
                    "tenant": tenant,
                    "dataset": name,
                    "version": version,
                    "ledger": stored.model_dump(),
                    "shards": list(shards),
                    "composition": [group.model_dump() for group in composition((path,))],
                    "sources": [{"name": one.name, "sha256": canonical_digest(one.name)} for one in stated],
                    **more,
                }
            )
        )
        counts = RowCounts(read=len(rows), accepted=kept, refused=len(rows) - kept)
        dataset = Dataset(id=manifest.sha256, manifest=manifest, counts=counts)
        self.registry.datasets.add(dataset, request, stored, _entries(rows))
        return dataset.id

    def stored(self, reference: Reference) -> str:
        return self.registry.blobs.get(reference).decode()


def _entries(rows: Sequence[dict[str, Any]]) -> Iterable[LedgerEntry]:
    for ordinal, row in enumerate(rows):
        kept = {n: row[n] for n in ("row_id", "source", "outcome", "licence", "consent", "tier", "subject")}
        yield LedgerEntry(**kept, ordinal=ordinal, codes=tuple(row["codes"]))

"""The story of one row: where it is from, under which terms, what was found, decided and done, and what became of it.

The registry's index of the ledger leads to its entries, and each entry to one row group of one Parquet file: the time
grows with the places where the row is, not with the datasets.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pyarrow import parquet

from activities.data.ledgers import references
from activities.data.manifest import manifest_of
from activities.data.readers import read_rows, source_digest
from assay.contracts.base import Digest, Message, Reference
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, NotFound
from assay.contracts.policy import Decision, Violation
from assay.contracts.review import ReviewQueue
from registry import DatasetRecord, LedgerEntry, Node, Registry

KEPT: Final = frozenset({"accepted", "redacted"})
UNASKED: Final = frozenset({"ROW_DUPLICATE", "LICENCE_NOT_SPDX", "LICENCE_TOO_BRANCHED"})
"""Codes of rows that are refused before a gate is asked; the question names their first copy, if any."""
DETAILS: Final = ("line", "findings", "treatments", "kind", "characters", "language", "duplicate_of", "synthetic_depth")
OWN_TERMS: Final = ("licence", "consent", "purposes", "tier", "retention_days")
STATED: Final = (
    *("system", "licence", "legal_basis", "contract_clause", "purposes", "consent", "retention_days", "tier"),
    *("regulated", "people", "improves_shared_models"),
)
Repeats = Callable[[Decision], Mapping[str, Any]]
"""Makes a decision again. Raises NotFound, PolicyUndefined, IntegrityRefused."""


class Judged(Message):
    """The decision that a row got. `violations` are None when it cannot be made again here."""

    decision_id: str
    policy_revision: str
    input: Digest
    violations: tuple[Violation, ...] | None = None


class Reviewed(Message):
    """What a person decided about a row that was set aside."""

    state: str
    reviewer: str | None
    reason: str | None
    statement: Digest | None


class Chapter(Message):
    """A row in one dataset. What was redacted from it, and whose it is, is not said."""

    dataset: Digest
    name: str
    quarantined: bool
    source: str
    source_terms: dict[str, Any]
    outcome: str
    codes: tuple[str, ...]
    terms: dict[str, Any]
    details: dict[str, Any] | None
    has_subject: bool
    shard: Digest | None = None
    judged: Judged | None = None
    review: Reviewed | None = None
    made: tuple[Node, ...] = ()


class Story(Message):
    """All that is on record about one row."""

    row_id: Digest
    chapters: tuple[Chapter, ...]


def story(registry: Registry, row_id: str, repeats: Repeats | None = None) -> Story:
    """Raises NotFound (`ROW_UNKNOWN`), IntegrityRefused, Unavailable."""
    entries = registry.datasets.entries(row_id)
    if not entries:
        raise NotFound(
            "ROW_UNKNOWN",
            "no row of this id is in a ledger",
            "name it by its digest, or by its id in its source with --source; a row that was erased has no entry",
        )
    return Story(row_id=row_id, chapters=tuple(_chapter(registry, row_id, d, e, repeats) for d, e in entries))


def row_named(registry: Registry, name: str, source: str) -> str:
    """The row id of the row that a source calls `name`: its file is read, up to that row.

    Raises NotFound (`ROW_UNKNOWN`, `SOURCE_UNREADABLE`), InputRefused (the source changed, or is malformed).
    """
    for stated in registry.datasets.sources(source):
        for read in read_rows(stated, source_digest(stated)):
            if read.row.id == name:
                return read.id
    raise NotFound("ROW_UNKNOWN", f"no source {source} of a sealed dataset has such a row", "see `assay data sheet`")


def _chapter(registry: Registry, row_id: str, dataset: str, entry: LedgerEntry, repeats: Repeats | None) -> Chapter:
    record = registry.datasets.get(dataset)
    request = record.request
    source = next(one for one in request.sources if one.name == entry.source)
    details = _details(registry, record, entry.ordinal)
    terms = {name: (details or {}).get(name, getattr(entry, name, None)) for name in OWN_TERMS}
    return Chapter(
        dataset=dataset,
        name=f"{request.tenant}/{request.dataset}/{request.version}",
        quarantined=record.quarantined,
        source=entry.source,
        source_terms=_stated(source),
        outcome=entry.outcome,
        codes=entry.codes,
        terms=terms,
        details=details and {name: details.get(name) for name in DETAILS},
        has_subject=bool(entry.subject),
        shard=_shard(registry, record, entry, details),
        judged=_judged(registry, record, entry, row_id, repeats),
        review=_review(registry, record, row_id),
        made=registry.lineage.descendants(dataset) if entry.outcome in KEPT else (),
    )


def _stated(source: Source) -> dict[str, Any]:
    return {name: value for name, value in source.model_dump(mode="json").items() if name in STATED}


def _details(registry: Registry, record: DatasetRecord, ordinal: int) -> dict[str, Any] | None:
    """The row's line of the Parquet ledger; None where an erasure has destroyed it."""
    with tempfile.TemporaryDirectory(prefix="assay-why-") as scratch:
        before = 0
        for number, (reference, rows) in enumerate(_parts(registry, record)):
            if rows is not None and before + rows <= ordinal:
                before += rows
                continue
            try:
                path = registry.shards.fetch_file(reference, Path(scratch, f"{number}.ledger"))
            except NotFound:
                return None
            with parquet.ParquetFile(path) as file:
                if before + file.metadata.num_rows > ordinal:
                    return _line(file, ordinal - before)
                before += file.metadata.num_rows
    return None


def _parts(registry: Registry, record: DatasetRecord) -> Iterator[tuple[Reference, int | None]]:
    """Parts of the ledger, with their rows where the manifest says how many: the others need not be fetched."""
    shards = [shard for shard in manifest_of(registry, record).get("shards", []) if "ledger" in shard]
    read = [shard.get("read") for shard in shards] or [None]
    yield from zip(references(registry, record), read, strict=True)


def _line(file: parquet.ParquetFile, at: int) -> dict[str, Any]:
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if at < rows:
            found: dict[str, Any] = file.read_row_group(group).slice(at, 1).to_pylist()[0]
            return found
        at -= rows
    raise IndexError(at)


def _shard(
    registry: Registry, record: DatasetRecord, entry: LedgerEntry, details: Mapping[str, Any] | None
) -> Digest | None:
    """The shard that holds the row's text: of its source the one whose ledger the row is in."""
    if entry.outcome not in KEPT or details is None:
        return None
    before = 0
    for shard in manifest_of(registry, record).get("shards", []):
        if "read" not in shard and shard.get("source") == entry.source:
            return str(shard["sha256"])
        before += shard.get("read", 0)
        if before > entry.ordinal:
            rows: Mapping[str, Any] = shard.get("rows") if isinstance(shard.get("rows"), dict) else shard
            return str(rows["sha256"])
    return None


def _judged(
    registry: Registry, record: DatasetRecord, entry: LedgerEntry, row_id: str, repeats: Repeats | None
) -> Judged | None:
    """The decision whose stored question names the row; None for a row that needed no gate to be refused."""
    if UNASKED.intersection(entry.codes):
        return None
    decisions = [one for one in registry.decisions.list(record.dataset.id) if one.gate == "intake"]
    # Batches are asked about in the order of the rows: the one that is looked for is near its share of the way.
    near = entry.ordinal * len(decisions) // max(1, record.dataset.counts.read)
    for decision in (decisions[i] for i in sorted(range(len(decisions)), key=lambda i: abs(i - near))):
        if row_id.encode() in registry.blobs.get(decision.input):
            said = _violations(decision, row_id, repeats)
            return Judged(
                decision_id=decision.decision_id,
                policy_revision=decision.policy_revision,
                input=decision.input.sha256,
                violations=said,
            )
    return None


def _violations(decision: Decision, row_id: str, repeats: Repeats | None) -> tuple[Violation, ...] | None:
    if repeats is None:
        return None
    try:
        rows = repeats(decision).get("rows", [])
    except AssayError:
        return None
    said: list[Any] = next((row["violations"] for row in rows if row["row_id"] == row_id), [])
    return tuple(sorted((Violation.model_validate(one) for one in said), key=lambda one: (one.code, one.msg)))


def _review(registry: Registry, record: DatasetRecord, row_id: str) -> Reviewed | None:
    request = record.request
    queue = ReviewQueue(tenant=request.tenant, dataset=request.dataset, purpose=request.purpose)
    found = registry.quarantine.find(queue, row_id)
    if found is None:
        return None
    return Reviewed(state=found.state, reviewer=found.reviewer, reason=found.reason, statement=found.statement)

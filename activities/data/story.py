"""The story of one row: where it is from, under which terms, what was found, decided and done, and what became of it.

The registry's index of the ledger leads to the row's entries, and each entry to its line of one Parquet file, of which
one row group is read: the time grows with the places where the row is, and with fetching their ledgers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyarrow import parquet
from pydantic import Field

from activities.data.ledger import BLANK_ID, KEPT
from activities.data.ledgers import fetch
from activities.data.manifest import formers_of, manifest_of
from activities.data.readers import read_rows, source_digest
from activities.signing.envelope import payload_of
from activities.signing.statements import Statement
from assay.contracts.base import Digest, Message
from assay.contracts.data import Source
from assay.contracts.errors import AssayError, IntegrityRefused, NotFound
from assay.contracts.policy import Decision, Violation
from assay.contracts.review import ReviewQueue
from registry import DatasetRecord, LedgerEntry, Node, QuarantineRecord, Registry

UNASKED: Final = frozenset({"ROW_DUPLICATE", "LICENCE_NOT_SPDX", "LICENCE_TOO_BRANCHED", "SUBJECT_SUPPRESSED"})
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
    """The decision that a row got. `violations` are None when it cannot be made again here.

    A dataset that a case sealed again has the decisions of the intake before; `dataset` is the one that it read for.
    """

    dataset: Digest
    decision_id: str
    policy_revision: str
    input: Digest
    violations: tuple[Violation, ...] | None = None


class Destroyed(Message):
    """A case destroyed the ledger that the row's line stood in: what its entry in the registry says is left."""

    case: str = Field(description="empty where none was written down")
    what: tuple[str, ...]


class Reviewed(Message):
    """What people decided about a row that was set aside: `reviewer` is the last of `reviewers`."""

    state: str
    reviewer: str | None
    reviewers: tuple[str, ...] = ()
    reason: str | None
    statement: Digest | None


class Removal(Message):
    """What an erasure or an opt-out means for this row. Cases and holds are named, nobody is."""

    withdrawn: tuple[str, ...] = Field(default=(), description="names of the dataset and of what was made from it")
    cases: tuple[str, ...] = ()
    suppressed: bool = Field(default=False, description="its subject opted out: no intake takes it again")
    suppressed_by: tuple[str, ...] = Field(default=(), description="cases that put its subject on that list")
    holds: tuple[str, ...] = Field(default=(), description="legal holds that keep it where it is")


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
    destroyed: Destroyed | None = None
    has_subject: bool
    shard: Digest | None = None
    judged: Judged | None = None
    review: Reviewed | None = None
    made: tuple[Node, ...] = ()
    removal: Removal = Removal()


class Story(Message):
    """All that is on record about one row."""

    row_id: Digest
    chapters: tuple[Chapter, ...]


def story(registry: Registry, row_id: str, repeats: Repeats | None = None) -> Story:
    """Raises NotFound (`ROW_UNKNOWN`), IntegrityRefused, Unavailable."""
    entries = registry.datasets.entries(row_id)
    if not entries or row_id == BLANK_ID:
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
    sources = registry.datasets.sources(source)
    if not sources:
        raise NotFound(
            "ROW_UNKNOWN", f"no sealed dataset has a source {source}", "`assay data sheet` names those of each"
        )
    for stated in sources:
        for read in read_rows(stated, source_digest(stated)):
            if read.row.id == name:
                return read.id
    raise NotFound("ROW_UNKNOWN", f"no source {source} of a sealed dataset has such a row", "see `assay data sheet`")


def _chapter(registry: Registry, row_id: str, dataset: str, entry: LedgerEntry, repeats: Repeats | None) -> Chapter:
    record = registry.datasets.get(dataset)
    request = record.request
    source = next(one for one in request.sources if one.name == entry.source)
    line = _read(registry, record, entry.ordinal)
    details = line.fields if line else None
    terms = {name: (details or {}).get(name, getattr(entry, name, None)) for name in OWN_TERMS}
    made = registry.lineage.descendants(dataset) if entry.outcome in KEPT else ()
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
        destroyed=None if line else _destroyed(registry, record),
        has_subject=bool(entry.subject),
        shard=_shard(registry, record, line) if line and entry.outcome in KEPT else None,
        judged=_judged(registry, record, entry, (details or {}).get("asked_as") or row_id, repeats),
        review=_review(registry, record, row_id),
        made=made,
        removal=_removal(registry, record, entry, made),
    )


def _stated(source: Source) -> dict[str, Any]:
    return {name: value for name, value in source.model_dump(mode="json").items() if name in STATED}


@dataclass(frozen=True)
class _Line:
    """A row's line of the Parquet ledger, and how many rows before it are in the dataset."""

    fields: dict[str, Any]
    kept_before: int


def _read(registry: Registry, record: DatasetRecord, ordinal: int) -> _Line | None:
    """None where a case has destroyed the ledger. One row group is read, and one column of those before it.

    Raises NotFound where the ledger is missing and nobody destroyed it.
    """
    with tempfile.TemporaryDirectory(prefix="assay-why-") as scratch:
        try:
            path = fetch(registry, record, Path(scratch))
        except NotFound:
            if _destroyed(registry, record) is None:
                raise
            return None
        with parquet.ParquetFile(path) as file:
            before = kept = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                at = ordinal - before
                outcomes = file.read_row_group(group, columns=["outcome"])["outcome"].slice(0, max(0, min(at, rows)))
                kept += sum(outcome in KEPT for outcome in outcomes.to_pylist())
                if at < rows:
                    return _Line(file.read_row_group(group).slice(at, 1).to_pylist()[0], kept)
                before += rows
    return None


def _destroyed(registry: Registry, record: DatasetRecord) -> Destroyed | None:
    case = registry.shards.destroyed(record.ledger.sha256)
    plain = not record.ledger.uri.startswith("shard:")
    if case is None and plain and not registry.shards.readable(record.ledger):
        # It went before such files of older datasets were noted: a withdrawal does not tell which case destroyed it.
        case = "" if record.quarantined else None
    if case is None:
        return None
    return Destroyed(case=case, what=(*DETAILS, *(name for name in OWN_TERMS if name not in LedgerEntry.model_fields)))


def _shard(registry: Registry, record: DatasetRecord, line: _Line) -> Digest | None:
    """The shard that holds the row's text: shards hold the rows that entered, in the order of the ledger."""
    left = line.kept_before
    for shard in manifest_of(registry, record).get("shards", []):
        if left < shard["rows"]:
            return str(shard["sha256"])
        left -= shard["rows"]
    return None


def _judged(
    registry: Registry, record: DatasetRecord, entry: LedgerEntry, row_id: str, repeats: Repeats | None
) -> Judged | None:
    """The decision whose stored question names the row, or the one that stood for it; None where no gate was needed."""
    if UNASKED.intersection(entry.codes):
        return None
    record, decisions = _intake(registry, record)
    # Batches are asked about in the order of the rows: the one that is looked for is near its share of the way.
    near = entry.ordinal * len(decisions) // max(1, record.dataset.counts.read)
    for decision in (decisions[i] for i in sorted(range(len(decisions)), key=lambda i: abs(i - near))):
        if row_id.encode() in registry.blobs.get(decision.input):
            said = _violations(decision, row_id, repeats)
            return Judged(
                dataset=record.dataset.id,
                decision_id=decision.decision_id,
                policy_revision=decision.policy_revision,
                input=decision.input.sha256,
                violations=said,
            )
    return None


def _intake(registry: Registry, record: DatasetRecord) -> tuple[DatasetRecord, list[Decision]]:
    """The dataset that the intake read the rows for, and its decisions about them."""
    for one in (record, *formers_of(registry, record)):
        if decisions := [said for said in registry.decisions.list(one.dataset.id) if said.gate == "intake"]:
            return one, decisions
    return record, []


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
    return Reviewed(
        state=found.state,
        reviewer=found.reviewer,
        reviewers=_reviewers(registry, found),
        reason=found.reason,
        statement=found.statement,
    )


def _reviewers(registry: Registry, found: QuarantineRecord) -> tuple[str, ...]:
    """Whose votes settled it, by the statement of it; without that the one whom the row itself names."""
    last = (found.reviewer,) if found.reviewer else ()
    if found.statement is None:
        return last
    try:
        said = Statement.parse(payload_of(registry.blobs.get(found.statement))).predicate
        counted = [vote["reviewer"] for vote in said["reviewers"] if vote["verdict"] == said["verdict"]]
    except (NotFound, IntegrityRefused, ValueError, KeyError, TypeError):
        return last
    return tuple(dict.fromkeys(counted)) or last


def _removal(registry: Registry, record: DatasetRecord, entry: LedgerEntry, made: tuple[Node, ...]) -> Removal:
    tenant, dataset = record.request.tenant, record.dataset.id
    withdrawn = registry.withdrawals.of({dataset, *(node.name for node in made)})
    suppressed_by = registry.suppression.cases(tenant, (entry.subject,))
    return Removal(
        withdrawn=tuple(sorted(one.name for one in withdrawn)),
        cases=tuple(sorted({one.case for one in withdrawn})),
        suppressed=bool(suppressed_by),
        suppressed_by=suppressed_by,
        holds=tuple(hold.id for hold in registry.holds.on(tenant, (entry.subject,), (dataset,))),
    )

"""What people read of quarantined rows, what the gate is asked about it, and what is signed when it is settled.

A *reading* lists rows as they wait: id (the digest of the row's content), codes, findings, and where the text stands.
Its canonical JSON is stored, and its digest is what reviewers name: who names it has seen exactly these rows, with
exactly what was found in them.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from activities.signing.statements import Statement, Subject
from assay.contracts.base import Digest, Reference, canonical_digest
from assay.contracts.policy import Decision
from assay.contracts.review import ReviewCase, ReviewQueue, RowRuling, Vote
from registry import QuarantineRecord, Registry

PREDICATE: Final = "urn:assay:predicate:data-review:v1"


def reading(queue: ReviewQueue, rows: Iterable[QuarantineRecord]) -> dict[str, Any]:
    """What is read, as plain data; the same rows in another order are the same reading."""
    listed = [row.model_dump(mode="json", include={"row_id", "codes", "findings", "shard", "ordinal"}) for row in rows]
    return {**queue.model_dump(mode="json"), "rows": sorted(listed, key=lambda row: str(row["row_id"]))}


def read_digest(queue: ReviewQueue, rows: Iterable[QuarantineRecord]) -> Digest:
    """Digest of a reading: what `RowRuling.read` names."""
    return canonical_digest(reading(queue, rows))


def selected(waiting: Iterable[QuarantineRecord], ruling: RowRuling) -> tuple[QuarantineRecord, ...]:
    """The rows that a ruling is about, of those that wait."""
    named = frozenset(ruling.rows)
    return tuple(row for row in waiting if row.row_id in named or ruling.code in row.codes)


def queue_of(case: ReviewCase) -> ReviewQueue:
    """Where the rows of a case wait."""
    return ReviewQueue(tenant=case.tenant, dataset=case.dataset, purpose=case.votes[-1].ruling.purpose)


def rows_of(registry: Registry, case: ReviewCase) -> tuple[QuarantineRecord, ...]:
    """The rows that the last vote of a case is about, as they wait now."""
    return selected(registry.quarantine.waiting(queue_of(case)), case.votes[-1].ruling)


def stored_rows(registry: Registry, read: Digest) -> tuple[Digest, ...]:
    """Ids of the rows of a stored reading. Raises NotFound, IntegrityRefused, Unavailable."""
    return tuple(row["row_id"] for row in json.loads(registry.blobs.get(read))["rows"])


def review_facts(case: ReviewCase, rows: Sequence[QuarantineRecord]) -> dict[str, Any]:
    """Input document of the gate `data_review`. Rows that are alike are one group: a question stays small."""
    queue, last = queue_of(case), case.votes[-1]
    return {
        **queue.model_dump(mode="json"),
        "verdict": last.verdict,
        "read": last.ruling.read,
        "found": read_digest(queue, rows) if rows else None,
        "rows": len(rows),
        "groups": _groups(rows),
        "votes": [_vote(vote) for vote in case.votes],
    }


def statement(case: ReviewCase, decision: Decision, rows: int) -> Statement:
    """Who decided what about a reading and why, under which policy. The subject is the reading, as it is stored."""
    last = case.votes[-1]
    subject = Subject(name=f"{case.tenant}/{case.dataset}", digest={"sha256": last.ruling.read.partition(":")[2]})
    predicate = {
        "verdict": last.verdict,
        "purpose": last.ruling.purpose,
        "rows": rows,
        "reviewers": [{**_vote(vote), "reason": vote.ruling.reason} for vote in case.votes],
        "decision": decision.model_dump(mode="json"),
    }
    return Statement(subject=(subject,), predicate_type=PREDICATE, predicate=predicate)


def contents(registry: Registry, rows: Sequence[QuarantineRecord]) -> dict[str, dict[str, Any]]:
    """Row id -> the quarantined row with its text. The one way from the record to it.

    Raises NotFound (`SHARD_DESTROYED`, `BLOB_UNKNOWN`), IntegrityRefused, Unavailable.
    """
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="assay-review-") as scratch:
        for shard in sorted({row.shard for row in rows}, key=lambda one: one.sha256):
            wanted = {row.ordinal: row.row_id for row in rows if row.shard == shard}
            for ordinal, content in _read(registry, shard, Path(scratch, "rows.parquet"), wanted):
                found[wanted[ordinal]] = content
    return found


def _read(
    registry: Registry, shard: Reference, target: Path, wanted: Iterable[int]
) -> Iterable[tuple[int, dict[str, Any]]]:
    from pyarrow import parquet

    table = parquet.read_table(registry.shards.fetch_file(shard, target))
    ordinals = sorted(wanted)
    return zip(ordinals, (parsed(row) for row in table.take(ordinals).to_pylist()), strict=True)


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a shard, its text columns as what they say; a row that has no rejected answer has "" there."""
    texts = {name: row[name] for name in ("messages", "tools", "rejected") if isinstance(row.get(name), str)}
    return {**row, **{name: json.loads(text) if text else [] for name, text in texts.items()}}


def _groups(rows: Sequence[QuarantineRecord]) -> list[dict[str, Any]]:
    alike = Counter((row.codes, _categories(row), row.requesters) for row in rows)
    return [
        {"codes": list(codes), "categories": list(categories), "requesters": list(requesters), "rows": count}
        for (codes, categories, requesters), count in sorted(alike.items())
    ]


def _categories(row: QuarantineRecord) -> tuple[str, ...]:
    """Of its findings; a row that is here for another reason has none, and still needs a reviewer."""
    return tuple(sorted({finding.partition(":")[0] for finding in row.findings})) or ("none",)


def _vote(vote: Vote) -> dict[str, Any]:
    ruling = vote.ruling
    return {"reviewer": ruling.reviewer, "role": ruling.role, "verdict": vote.verdict, "read": ruling.read}

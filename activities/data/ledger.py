"""The two tables that screening writes: a shard of what may be learnt, and a ledger entry for every row that was read.

The ledger holds no text of a row: its identity, its line, its terms, kinds and counts of what was found, what became of
it, and whose it is as a keyed hash.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import pyarrow as arrow
from pyarrow import parquet

from activities.data.facts import Terms
from activities.data.findings import Finding
from activities.data.readers import ReadRow
from activities.data.rows import Row
from activities.data.text import normalised
from assay.contracts.data import Source

Outcome = Literal["accepted", "redacted", "quarantined", "refused"]
KEPT: Final = frozenset({"accepted", "redacted"})
"""Outcomes whose rows are in the dataset."""
SOURCE_DIGEST: Final = b"assay.source.sha256"
"""Key in a ledger's Parquet metadata: the digest of the bytes that were read."""

SHARD: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "kind": arrow.string(),
        "messages": arrow.string(),
        "tools": arrow.string(),
        "source": arrow.string(),
        "tier": arrow.string(),
        "synthetic_depth": arrow.int32(),
        "subject": arrow.string(),
        "rejected": arrow.string(),
    }
)
"""`rejected`: of a preference, the answer that was liked less; "" in other rows."""
LEDGER: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "source": arrow.string(),
        "line": arrow.int64(),
        "outcome": arrow.string(),
        "codes": arrow.list_(arrow.string()),
        "findings": arrow.list_(arrow.string()),
        "licence": arrow.string(),
        "consent": arrow.string(),
        "purposes": arrow.list_(arrow.string()),
        "system": arrow.string(),
        "tier": arrow.string(),
        "synthetic_depth": arrow.int32(),
        "retention_days": arrow.int64(),
        "subject": arrow.string(),
        "kind": arrow.string(),
        "characters": arrow.int64(),
        "language": arrow.string(),
        "duplicate_of": arrow.string(),
        "mentions": arrow.list_(arrow.string()),
        "treatments": arrow.list_(arrow.string()),
    }
)
"""`characters`: how long the texts of its messages and call arguments are together. `language`: a BCP-47 primary tag,
"und" when unsure, "" when nobody looked. `duplicate_of`: id of the row that it repeats, "" for none. `mentions`: keyed
hashes of the personal values in it (see `mention_hash`), sorted. `treatments`: `KIND:treatment:count`, sorted."""


@dataclass(frozen=True)
class Screened:
    """What became of one row. `content` is what enters the shard, None for a refused row."""

    read: ReadRow
    terms: Terms | None
    findings: tuple[Finding, ...]
    outcome: Outcome
    codes: tuple[str, ...]
    content: Mapping[str, Any] | None
    language: str = ""
    duplicate_of: str = ""
    mentions: tuple[str, ...] = ()
    treatments: tuple[str, ...] = ()


class Table:
    """A Parquet file, written batch by batch. The same rows in the same batches give the same bytes."""

    def __init__(self, path: Path, schema: arrow.Schema) -> None:
        self._schema = schema
        self._writer = parquet.ParquetWriter(path, schema, compression="zstd")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append a batch."""
        if rows:
            self._writer.write_table(arrow.Table.from_pylist(list(rows), schema=self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()


def subject_hash(key: bytes, tenant: str, subject: str | None) -> str:
    """HMAC-SHA-256 of a data subject's id, "" for none. The tenant is part of it: no one can join two tenants' rows."""
    return hmac.digest(key, f"{tenant}\0{subject}".encode(), "sha256").hex() if subject else ""


def mention_hash(key: bytes, tenant: str, kind: str, value: str) -> str:
    """HMAC-SHA-256 of a personal value of one kind. One value written in two ways (blanks, hyphens, case) is one."""
    spelt = "".join(filter(str.isalnum, normalised(value))).casefold()
    return hmac.digest(key, f"{tenant}\0{kind}\0{spelt}".encode(), "sha256").hex()


def characters(row: Row) -> int:
    """How long the texts of a row's messages and call arguments are together."""
    messages = [*row.messages, *(row.rejected or ())]
    texts = [message.content or "" for message in messages]
    calls = [call.function.arguments for message in messages for call in message.tool_calls or ()]
    return sum(map(len, texts)) + sum(len(_json(arguments)) for arguments in calls)


def shard_row(screened: Screened, source: Source, subject: str) -> dict[str, Any]:
    """A row of `SHARD`. Messages and tools are JSON text: Arrow would merge the schemas of all tools into one."""
    content = screened.content or {}
    return {
        "row_id": screened.read.id,
        "kind": screened.read.row.kind,
        "messages": _json(content["messages"]),
        "tools": _json(content["tools"]),
        "source": source.name,
        "tier": source.tier,
        "synthetic_depth": source.synthetic_depth,
        "subject": subject,
        "rejected": _json(content["rejected"]) if content.get("rejected") else "",
    }


def ledger_row(screened: Screened, source: Source, subject: str) -> dict[str, Any]:
    """A row of `LEDGER`. Terms that could not be read are empty: nothing of an unreadable licence is repeated."""
    terms = screened.terms
    return {
        "row_id": screened.read.id,
        "source": source.name,
        "line": screened.read.line,
        "outcome": screened.outcome,
        "codes": list(screened.codes),
        "findings": [f"{f.category}:{f.kind}:{f.count}" for f in screened.findings],
        "licence": terms.licence.expression if terms else "",
        "consent": terms.consent if terms else "unknown",
        "purposes": list(terms.purposes) if terms else [],
        "system": source.system,
        "tier": source.tier,
        "synthetic_depth": source.synthetic_depth,
        "retention_days": source.retention_days,
        "subject": subject,
        "kind": screened.read.row.kind,
        "characters": characters(screened.read.row),
        "language": screened.language,
        "duplicate_of": screened.duplicate_of,
        "mentions": list(screened.mentions),
        "treatments": list(screened.treatments),
    }


def ledger_schema(source_digest: str) -> arrow.Schema:
    """`LEDGER`, saying which bytes it is about."""
    return LEDGER.with_metadata({SOURCE_DIGEST: source_digest.encode()})


def read_ledger(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Batches of a ledger, in order."""
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(500):
            yield batch.to_pylist()


def source_digest_of(path: Path) -> str:
    """Which bytes a ledger is about."""
    return str(parquet.read_schema(path).metadata[SOURCE_DIGEST], "ascii")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

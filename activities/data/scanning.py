"""The scanning function: rows in, what was found in them out. Pure, without input or output, and may be pickled.

It is the same wherever it runs: in worker processes of this machine or on a Ray cluster (see `runners`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as arrow

from activities.data.checks import Checks, RowChecks
from activities.data.findings import RowFindings, Scanner

FOUND: Final = arrow.schema(
    {
        "row_id": arrow.string(),
        "findings": arrow.list_(arrow.string()),
        "personal": arrow.list_(arrow.struct({"kind": arrow.string(), "text": arrow.string(), "says": arrow.string()})),
        "pieces": arrow.list_(arrow.struct({"piece": arrow.string(), "kind": arrow.string(), "text": arrow.string()})),
        "language": arrow.string(),
        "signature": arrow.binary(),
    }
)
"""`findings` are `category:kind:count`, as in the ledger; `personal` are the values found, in order of appearance, and
what each says, which is another text where it is encoded; `pieces` are strings over which a value was split;
`signature` is for `NearDuplicates`."""


@functools.cache
def installed_scanner(*, thorough: bool = False) -> Scanner:
    """One a process: with every recogniser that installed packages offer."""
    return Scanner.installed(thorough=thorough)


@dataclass(frozen=True)
class Look:
    """RecordBatch with columns `row_id, kind, messages, tools, rejected, meta` -> RecordBatch of `FOUND`.

    The same row gives the same answer in every process, whatever stands beside it in its batch. `scanner` is how a
    process comes by its scanner, which holds caches and models and does not travel.
    """

    checks: Checks = field(default_factory=Checks.installed)
    scanner: Callable[[], Scanner] = installed_scanner

    def __call__(self, batch: arrow.RecordBatch) -> arrow.RecordBatch:
        """Look at each row."""
        columns = batch.to_pydict()
        texts = [plain(*row) for row in zip(*(columns[name] for name in CONTENT), strict=True)]
        found = self.scanner().scan_many(texts)
        rows = [{"kind": kind, **text} for kind, text in zip(columns["kind"], texts, strict=True)]
        looked = self.checks.look(rows)
        return arrow.record_batch(
            {
                "row_id": batch["row_id"],
                "findings": arrow.array(list(map(_said, found, looked)), FOUND.field("findings").type),
                "personal": arrow.array([_values(one) for one in found], FOUND.field("personal").type),
                "pieces": arrow.array([_pieces(one) for one in found], FOUND.field("pieces").type),
                "language": arrow.array([one.language for one in looked], arrow.string()),
                "signature": arrow.array([one.signature for one in looked], arrow.binary()),
            },
            schema=FOUND,
        )


CONTENT: Final = ("messages", "tools", "meta", "rejected")
LOOKED_AT: Final = ["row_id", "kind", *CONTENT]
"""Columns of `RAW` that scanning reads."""


def plain(messages: str, tools: str, meta: str, rejected: str) -> dict[str, Any]:
    """A row's content as plain data, from the JSON text of its columns."""
    row = {
        "messages": json.loads(messages),
        "tools": json.loads(tools),
        "meta": json.loads(meta) if meta else {},
    }
    if rejected:
        row["rejected"] = json.loads(rejected)
    return row


def _said(found: RowFindings, looked: RowChecks) -> list[str]:
    return [f"{one.category}:{one.kind}:{one.count}" for one in (*found.summary, *looked.findings)]


def _values(found: RowFindings) -> list[dict[str, str]]:
    return [{"kind": kind, "text": text, "says": says} for kind, text, says in found.spoken]


def _pieces(found: RowFindings) -> list[dict[str, str]]:
    return [{"piece": piece, "kind": kind, "text": text} for piece, (kind, text) in found.pieces]

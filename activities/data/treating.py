"""Rows whose personal data make place for something else. Pure as scanning is, and run wherever that runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as arrow

from activities.data.findings import RowFindings, Scanner
from activities.data.ledger import json_text
from activities.data.redaction import Redactor, Treatment
from activities.data.scanning import FOUND, installed_scanner

TREATED: Final = arrow.schema(
    {
        "messages": arrow.string(),
        "tools": arrow.string(),
        "rejected": arrow.string(),
        "whole": arrow.bool_(),
    }
)
"""`whole`: nothing is left that had to go."""
TO_TREAT: Final = arrow.schema(
    {
        **{name: arrow.string() for name in ("messages", "tools", "rejected")},
        "personal": FOUND.field("personal").type,
        "pieces": FOUND.field("pieces").type,
        "treatments": arrow.string(),
    }
)
"""`treatments` is a JSON object, kind to treatment."""


@dataclass(frozen=True)
class Treat:
    """RecordBatch of `TO_TREAT` -> RecordBatch of `TREATED`. `key` makes pseudonyms."""

    key: bytes
    scanner: Callable[[], Scanner] = installed_scanner

    def __call__(self, batch: arrow.RecordBatch) -> arrow.RecordBatch:
        """Treat each row."""
        return arrow.RecordBatch.from_pylist([self._treated(row) for row in batch.to_pylist()], schema=TREATED)

    def _treated(self, row: Mapping[str, Any]) -> dict[str, Any]:
        content = {"messages": json.loads(row["messages"]), "tools": json.loads(row["tools"])}
        if row["rejected"]:
            content["rejected"] = json.loads(row["rejected"])
        treatments: dict[str, Treatment] = json.loads(row["treatments"])
        itself = "\0".join(row[name] for name in ("messages", "tools", "rejected"))
        redactor = Redactor(self.scanner(), _row_findings(row), treatments, self.key, itself)
        changed: Any = redactor.redact(content)
        return {
            "messages": json_text(changed["messages"]),
            "tools": json_text(changed["tools"]),
            "rejected": json_text(changed["rejected"]) if row["rejected"] else "",
            "whole": not redactor.leftovers(changed),
        }


def _row_findings(row: Mapping[str, Any]) -> RowFindings:
    """Of a row of `TO_TREAT`; what policy was told is no matter here."""
    personal = tuple((one["kind"], one["text"]) for one in row["personal"])
    pieces = tuple((one["piece"], (one["kind"], one["text"])) for one in row["pieces"])
    return RowFindings(personal, (), pieces, tuple(one["says"] for one in row["personal"]))

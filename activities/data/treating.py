"""Rows whose personal data make place for something else. Pure as scanning is, and run wherever that runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as arrow

from activities.data.findings import Finding, RowFindings, Scanner
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
        "findings": FOUND.field("findings").type,
        "personal": FOUND.field("personal").type,
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
        scanner = self.scanner()
        content = {"messages": json.loads(row["messages"]), "tools": json.loads(row["tools"])}
        if row["rejected"]:
            content["rejected"] = json.loads(row["rejected"])
        treatments: dict[str, Treatment] = json.loads(row["treatments"])
        findings = _row_findings(row)
        changed: Any = Redactor(scanner, findings, treatments, self.key).redact(content)
        return {
            "messages": json_text(changed["messages"]),
            "tools": json_text(changed["tools"]),
            "rejected": json_text(changed["rejected"]) if row["rejected"] else "",
            "whole": not left_over(scanner.scan(changed), findings, treatments),
        }


def left_over(after: RowFindings, before: RowFindings, treatments: Mapping[str, Treatment]) -> bool:
    """Whether something personal still stands in a treated row that should not.

    What stands in a value's place may look like one (a pseudonym, an invented number): of such kinds only the values
    that were there before count.
    """
    values = {text for _, text in before.personal}
    for kind, text in after.personal:
        treatment = treatments.get(kind, "redact")
        if treatment == "redact" or (treatment != "keep" and text in values):
            return True
    return False


def _row_findings(row: Mapping[str, Any]) -> RowFindings:
    said = (one.split(":") for one in row["findings"])
    summary = tuple(
        Finding.model_validate({"category": category, "kind": ":".join(kind), "count": int(count)})
        for category, *kind, count in said
        if category in ("pii", "secret")
    )
    return RowFindings(tuple((one["kind"], one["text"]) for one in row["personal"]), summary)

"""Every code that a gate can answer with, as documentation: `python -m activities.policy.catalogue` rewrites its table.

The table is read from the rules' own metadata, so that code, remedy and documentation cannot part.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from activities.policy.bundle import POLICIES
from activities.policy.opa import find_opa
from assay.contracts.policy import Gate

PAGE: Final = POLICIES.parent / "docs" / "policies.md"
MARK: Final = "<!-- below this line: python -m activities.policy.catalogue -->"
GATES: Final[tuple[Gate, ...]] = (
    "intake",
    "licences",
    "training",
    "review",
    "release",
    "routes",
    "data_review",
    "data_approval",
    "erasure",
    "mentions",
)
KINDS: Final = {
    "deny": "refuses",
    "warn": "warns",
    "deny_row": "refuses the row",
    "quarantine_row": "quarantines the row",
    "redact_row": "redacts the row",
}


@dataclass(frozen=True)
class Rule:
    """One rule of a gate, in words."""

    gate: str
    kind: str
    code: str
    title: str
    description: str
    remedy: str
    overridable: bool


def rules(policies: Path = POLICIES) -> tuple[Rule, ...]:
    """Every rule of every gate, in the order of the gates, then by kind and code. Raises NotFound (no usable OPA)."""
    command = [str(find_opa()), "inspect", "--annotations", "--format", "json", str(policies)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    found = []
    for entry in told["annotations"]:
        path = [part["value"] for part in entry["path"]]
        said = entry["annotations"]
        if said["scope"] == "rule" and path[2] in GATES and path[3] in KINDS:
            custom = said["custom"]
            words = said["title"], said["description"], custom["remedy"], custom["overridable"]
            found.append(Rule(path[2], path[3], custom["code"], *words))
    return tuple(sorted(found, key=lambda rule: (GATES.index(rule.gate), list(KINDS).index(rule.kind), rule.code)))


def table() -> str:
    """Markdown: a table a gate."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for gate, group in groupby(rules(), key=lambda rule: rule.gate):
        yield f"\n### {gate.replace('_', ' ').capitalize()}\n"
        yield "| code | what it asks for | otherwise | remedy |"
        yield "|---|---|---|---|"
        for rule in group:
            effect = KINDS[rule.kind] + (", overridable" if rule.overridable else "")
            yield f"| `{rule.code}` | **{rule.title}.** {rule.description} | {effect} | {rule.remedy} |"


def page(text: str) -> str:
    """The page with its table replaced. Raises ValueError when the mark is gone."""
    head, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError(f"{PAGE.name} has lost its line {MARK}")
    return f"{head}{MARK}\n{table()}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")

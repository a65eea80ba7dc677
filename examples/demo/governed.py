"""What intake made of the sources: the dataset's sheet, the story of single rows, and what waits for a reviewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from assay.contracts.data import RowCounts
from examples.demo.shell import assay, run
from examples.demo.story import Story

TOLD: Final = ("redact-name", "refuse-licence-copyleft", "quarantine-injection")
"""Planted rows whose story is told, as their source calls them."""


def counted(story: Story, counts: RowCounts) -> dict[str, Any]:
    """What was refused, set aside or redacted, and why, as a table and for the report."""
    by_outcome = {
        "refused": counts.refused_by_code,
        "quarantined": counts.quarantined_by_code,
        "redacted": counts.redacted_by_code,
    }
    rows = [(outcome, one.code, one.count) for outcome, codes in by_outcome.items() for one in codes]
    story.table("What was refused, set aside or redacted", ("what", "code", "rows"), rows)
    return {outcome: {one.code: one.count for one in codes} for outcome, codes in by_outcome.items()}


def sheet(story: Story, dataset: str, folder: Path) -> dict[str, Any]:
    """The dataset's sheet: a page with plots in `folder`, its figures on the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "datasheet.html"
    written = run("assay", "data", "sheet", dataset, "--html", "--out", str(page))
    assert written.code == 0, written.output
    found: dict[str, Any] = assay("data", "sheet", dataset)
    profile = found["profile"]
    shares = [
        (what, one["name"], one["count"], f"{one['share']:.1%}")
        for what in ("sources", "licences", "tiers", "languages", "kinds")
        for one in profile[what]
    ]
    story.table("The dataset's sheet", ("", "", "rows", "share"), shares)
    for one in found["hints"]:
        story.say(f"  [yellow]{one['sentence']}[/yellow] ({one['measured']:.2f}, bound {one['bound']:.2f})")
    story.say(f"  the whole of it, with plots: {page}")
    return {"page": str(page), "hints": [one["code"] for one in found["hints"]]}


def stories(story: Story) -> None:
    """`assay data why` of three planted rows."""
    for row in TOLD:
        told = run("assay", "data", "why", row, "--source", "planted")
        assert told.code == 0, told.output
        lines = [line for line in told.output.strip().splitlines()[2:] if not line.startswith("  source")]
        story.panel("\n".join(lines[:9]), f"assay data why {row} --source planted")


def waiting(story: Story, tenant: str, dataset: str) -> int:
    """How many rows wait in quarantine; nothing is trained on them until somebody releases them."""
    queues: list[dict[str, Any]] = assay("data", "review")
    found: int = sum(one["waiting"] for one in queues if (one["tenant"], one["dataset"]) == (tenant, dataset))
    story.say(f"  {found} rows wait for a reviewer: [bold]$ assay data review {tenant}/{dataset}[/bold]")
    return found

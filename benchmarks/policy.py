"""Decisions of a real OPA with the real signed bundle, through the client that activities use.

    python benchmarks/policy.py [--seconds 5]

`small`: the routes gate about one pair, what a rollout asks at each step. `large`: the intake gate about a whole batch
of 500 rows with findings, the largest question there is; and the routes gate about a table of 1,000 pairs. Each
decision stores its question first, and comes with decision id and policy revision, as in production.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from activities.data.verdicts import BATCH
from activities.policy.client import PolicyClient
from assay.contracts.policy import Gate
from benchmarks.opa import started_opa
from benchmarks.report import Report, options, quantile
from registry import BlobStore

_DIGEST: Final = "sha256:" + "b" * 64
_NOW: Final = "2026-01-01T00:00:00+00:00"


def routes(pairs: int, number: int) -> dict[str, Any]:
    """A table of so many tenants, each with a stable version of its own; every one is allowed."""
    return {"revision": number, "pairs": [_pair(index) for index in range(pairs)]}


def _pair(index: int) -> dict[str, Any]:
    tenant = f"tenant-{index}"
    version = {
        "digest": f"sha256:{index:064x}",
        "known": True,
        "tenant": tenant,
        "model": "helpdesk",
        "base_digest": _DIGEST,
        "quarantined": False,
        "signed": True,
        "released": True,
        "staged": True,
        "in_production": True,
        "on_trial": False,
    }
    return {
        "tenant": tenant,
        "model": "helpdesk",
        "use": "stable",
        "base_digest": _DIGEST,
        "version": version,
        "incidents": [],
    }


def intake(rows: int, number: int) -> dict[str, Any]:
    """A batch in which every third row has personal data."""
    source = {
        "name": "tickets",
        "system": "crm",
        "owner": "ann",
        "purposes": ["train-tenant-model"],
        "consent": "contract",
        "retention_days": 365,
        "tier": "curated",
        "regulated": False,
        "licence": "Apache-2.0",
        "licences": ["Apache-2.0"],
        "synthetic_depth": 0,
        "systems": ["crm"],
        "assessments": [],
    }
    found = [
        {"category": "pii", "kind": "EMAIL_ADDRESS", "count": 1},
        {"category": "pii", "kind": "PERSON", "count": 2},
    ]
    judged = [
        {
            "row_id": f"sha256:{number:032x}{index:032x}",
            "licences": ["Apache-2.0"],
            "consent": "contract",
            "purposes": ["train-tenant-model"],
            "findings": found if index % 3 == 0 else [],
        }
        for index in range(rows)
    ]
    return {"tenant": "acme", "purpose": "train-tenant-model", "source": source, "rows": judged, "now": _NOW}


def times(client: PolicyClient, gate: Gate, facts: Callable[[int], dict[str, Any]], seconds: float) -> list[float]:
    """Milliseconds of each decision; every question is another one, so nothing is stored before."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(took) < 3:
        asked = facts(len(took) + 1)
        began = time.perf_counter()
        answer = client.decide(gate, asked)
        took.append((time.perf_counter() - began) * 1000)
        if not answer.decision.allow:
            raise RuntimeError(f"{gate}: {answer.decision.violations[:3]}")
    return took


@options
@click.option("--seconds", default=5.0, show_default=True, help="per gate")
def main(out: Path | None, seconds: float) -> None:
    """Measure policy decisions."""
    report = Report("policy", "Policy decisions")
    asked: dict[str, tuple[Gate, Callable[[int], dict[str, Any]], int]] = {
        "routes gate, 1 pair": ("routes", lambda number: routes(1, number), 1),
        "routes gate, 1,000 pairs": ("routes", lambda number: routes(1000, number), 1000),
        f"intake gate, {BATCH} rows": ("intake", lambda number: intake(BATCH, number), BATCH),
    }
    with tempfile.TemporaryDirectory() as scratch, started_opa(Path(scratch)) as url:
        client = PolicyClient(url, BlobStore.open(Path(scratch, "blobs").as_uri()))
        for name, (gate, facts, size) in asked.items():
            times(client, gate, facts, min(seconds, 0.5))
            took = times(client, gate, facts, seconds)
            report.add(f"{name}: p50", quantile(took, 0.5), "ms")
            report.add(f"{name}: p99", quantile(took, 0.99), "ms")
            report.add(f"{name}: decisions a second", 1000 * len(took) / sum(took), "1/s")
            if size > 1:
                report.add(f"{name}: judged a second", size * 1000 * len(took) / sum(took), "1/s")
    report.write(out)


if __name__ == "__main__":
    main()

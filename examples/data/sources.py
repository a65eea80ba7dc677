"""Under which terms the built files come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from assay.contracts.data import Source

BENCHMARK: Final = {
    "system": "bfcl-eval 2026.3.23",
    "owner": "data@acme.example",
    "licence": "Apache-2.0",
    "legal_basis": "no-personal-data",
    "purposes": ("train-tenant-model", "evaluate"),
    "consent": "not-required",
    "retention_days": 730,
    "tier": "curated",
    # Its users, mail addresses and cards are invented.
    "people": "fictional",
}
ANSWERS: Final = {**BENCHMARK, "system": "SmolLM2-135M-Instruct", "synthetic_depth": 1}
TICKETS: Final = {
    **BENCHMARK,
    "system": "helpdesk",
    "legal_basis": "consent",
    "consent": "granted",
    "retention_days": 365,
    "tier": "human-gold",
    "people": "real",
}
TERMS: Final[dict[str, dict[str, Any]]] = {
    "calls": BENCHMARK,
    "refusals": BENCHMARK,
    "replay": ANSWERS,
    "planted": TICKETS,
    "malformed": TICKETS,
    # Refused whole: a regulated system needs an assessment, and this source names none.
    "regulated": {**TICKETS, "system": "patient-portal", "regulated": True},
}


def of(folder: Path) -> Iterator[Source]:
    """One source for each file, pinned to its bytes."""
    for name, terms in TERMS.items():
        path = folder / f"{name}.jsonl"
        digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        yield Source(name=name, uri=str(path), sha256=digest, **terms)

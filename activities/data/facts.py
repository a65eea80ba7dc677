"""What the intake gate is asked: terms of source and rows, and what scanners found. Never the text itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from activities.data.dpia import Assessment
from activities.data.findings import Finding
from activities.data.licences import Licence, normalise
from activities.data.rows import Row
from assay.contracts.data import Consent, Purpose, ScreenJob, Source

STRICTNESS: Final[dict[Consent, int]] = {
    "not-required": 0,
    "granted": 0,
    "contract": 0,
    "unknown": 1,
    "withdrawn": 2,
}
STATED: Final = {
    *("name", "system", "owner", "purposes", "consent", "retention_days", "tier", "regulated", "synthetic_depth"),
    *("people", "legal_basis", "contract_clause", "improves_shared_models"),
}
"""What policy is told of a source as its owner stated it."""


@dataclass(frozen=True)
class Terms:
    """Under which terms a row may be used, after it narrowed those of its source."""

    licence: Licence
    consent: Consent
    purposes: tuple[Purpose, ...]


def terms_of(row: Row, source: Source, licence: Licence) -> Terms:
    """The stricter of both: all licences of both, the worse consent, the purposes that both grant.

    Raises InputRefused (`LICENCE_NOT_SPDX`).
    """
    consent = row.consent or source.consent
    if STRICTNESS[consent] < STRICTNESS[source.consent]:
        consent = source.consent
    purposes = source.purposes if row.purposes is None else tuple(p for p in source.purposes if p in row.purposes)
    return Terms(_both(licence, row.licence), consent, purposes)


def row_facts(row_id: str, terms: Terms, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """One element of `input.rows`."""
    return {
        "row_id": row_id,
        "licences": terms.licence.facts(),
        "consent": terms.consent,
        "purposes": list(terms.purposes),
        "findings": [finding.model_dump() for finding in findings],
    }


def question(
    job: ScreenJob, licence: Licence, assessment: Assessment | None, rows: list[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    """The whole input document for a batch of rows."""
    source, assessed = job.source, assessment.each() if assessment else ()
    terms = source.model_dump(mode="json", include=STATED)
    return {
        "tenant": job.tenant,
        "purpose": job.purpose,
        "source": {
            **terms,
            "licence": licence.expression,
            "licences": licence.facts(),
            "systems": list(source.systems),
            "assessments": [
                one.model_dump(mode="json", include={"system", "valid_until", "scope"}) for one in assessed
            ],
        },
        "rows": rows,
        "now": now.isoformat(timespec="seconds"),
    }


def _both(source: Licence, stated: str | None) -> Licence:
    if stated is None:
        return source
    row = normalise(stated)
    return row if row == source else normalise(f"({source.expression}) AND ({row.expression})")

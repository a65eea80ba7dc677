"""What the intake gate is asked: terms of source and rows, and what scanners found. Never the text itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from activities.data.dpia import Assessment
from activities.data.licences import Licence, normalise
from assay.contracts.data import Consent, Purpose, Source
from assay.contracts.screening import IntakeKey

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


class Stated(Protocol):
    """What a row says of its own terms."""

    @property
    def licence(self) -> str | None: ...

    @property
    def consent(self) -> Consent | None: ...

    @property
    def purposes(self) -> Sequence[Purpose] | None: ...


@dataclass(frozen=True)
class Terms:
    """Under which terms a row may be used, after it narrowed those of its source."""

    licence: Licence
    consent: Consent
    purposes: tuple[Purpose, ...]


def terms_of(row: Stated, source: Source, licence: Licence) -> Terms:
    """The stricter of both: all licences of both, the worse consent, the purposes that both grant.

    Raises InputRefused (`LICENCE_NOT_SPDX`).
    """
    consent = row.consent or source.consent
    if STRICTNESS[consent] < STRICTNESS[source.consent]:
        consent = source.consent
    purposes = source.purposes if row.purposes is None else tuple(p for p in source.purposes if p in row.purposes)
    return Terms(_both(licence, row.licence), consent, purposes)


def row_facts(row_id: str, terms: Terms, findings: Sequence[str], language: str) -> dict[str, Any]:
    """One element of `input.rows`. Findings are those of the ledger, `category:kind:count`."""
    return {
        "row_id": row_id,
        "licences": terms.licence.facts(),
        "consent": terms.consent,
        "purposes": list(terms.purposes),
        "findings": [_finding(one) for one in findings],
        "language": language,
    }


def question(
    intake: IntakeKey, source: Source, assessment: Assessment | None, rows: list[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    """The whole input document for a batch of rows. Raises InputRefused (`LICENCE_NOT_SPDX`)."""
    licence, assessed = normalise(source.licence), assessment.each() if assessment else ()
    terms = source.model_dump(mode="json", include=STATED)
    return {
        "tenant": intake.tenant,
        "purpose": intake.purpose,
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


def _finding(said: str) -> dict[str, Any]:
    left, _, count = said.rpartition(":")
    category, _, kind = left.partition(":")
    return {"category": category, "kind": kind, "count": int(count)}


def _both(source: Licence, stated: str | None) -> Licence:
    if stated is None:
        return source
    row = normalise(stated)
    return row if row == source else normalise(f"({source.expression}) AND ({row.expression})")

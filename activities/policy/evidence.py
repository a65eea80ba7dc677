"""What the review and release gates are asked about: the record's word and verified signatures, not the request's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.policy.facts import base_facts
from activities.signing.envelope import open_envelope
from activities.signing.version import verify_files, verify_version
from assay.contracts.base import Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.evaluation import ArmScores, EvaluationResult
from assay.contracts.promotion import CardDraft, PointerQuery, PromotionCase
from evals.card import REQUIRED, missing
from registry import Registry


def review_facts(
    registry: Registry, case: PromotionCase, public_key: Path, served: str | None, now: datetime | None = None
) -> dict[str, Any]:
    """Input document of the review gate. `served` is the digest of the chat template that the engine renders with.

    What cannot be found or verified is stated as absent, and the gate refuses it with a reason.

    Raises NotFound (`BASE_UNKNOWN`), Unavailable.
    """
    request = case.request
    run, evaluation = _run_facts(registry, case), _evaluation(registry, case)
    return {
        "tenant": request.tenant,
        "model": request.model,
        "version": request.version,
        "adapter": request.evaluation.chosen.adapter,
        "requested_by": request.requested_by,
        "purpose": request.purpose,
        "base": base_facts(registry, request.base),
        "run": run,
        "template": {
            "trained": run["template"] if run else None,
            "evaluated": evaluation.template if evaluation else None,
            "served": served,
        },
        "card": _card_facts(registry, case.card),
        "evaluation": _evaluation_facts(registry, case, evaluation),
        "signature": _signature_facts(registry, case, public_key),
        "statements": [_statement_facts(registry, ref, public_key) for ref in case.version.statements],
        "incidents": [{"id": incident.id} for incident in registry.incidents.open_for(request.tenant, request.model)],
        "overrides": [override.model_dump(mode="json") for override in case.overrides],
        "now": (now or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def release_facts(
    registry: Registry, case: PromotionCase, public_key: Path, served: str | None, now: datetime | None = None
) -> dict[str, Any]:
    """Input document of the release gate: all of the review gate's, and who approved what. Raises like it."""
    return {
        **review_facts(registry, case, public_key, served, now),
        "approvals": [approval.model_dump(mode="json", exclude={"comment"}) for approval in case.approvals],
        "rules": {"roles_required": list(case.request.rules.roles_required)},
    }


def _run_facts(registry: Registry, case: PromotionCase) -> dict[str, Any] | None:
    try:
        run = registry.runs.get(case.request.training.run_id)
    except NotFound:
        return None
    return {
        "id": run.result.run_id,
        "tenant": run.request.tenant,
        "config_hash": run.request.spec.content_digest(),
        "base_digest": run.request.spec.base.digest,
        "template": run.request.spec.template,
        "adapters": sorted({candidate.adapter for candidate in run.result.candidates}),
    }


def _evaluation(registry: Registry, case: PromotionCase) -> EvaluationResult | None:
    """The evaluation on record, when it is this tenant's and recommends this adapter."""
    try:
        record = registry.evaluations.get(case.request.evaluation.report.sha256)
    except NotFound:
        return None
    same = record.request.tenant, record.result.chosen.adapter
    return record.result if same == (case.request.tenant, case.request.evaluation.chosen.adapter) else None


def _evaluation_facts(registry: Registry, case: PromotionCase, result: EvaluationResult | None) -> dict[str, Any]:
    adapter = case.request.evaluation.chosen.adapter
    return {
        "report": result.report.sha256 if result else None,
        "candidate": _rates(result, adapter, schema=False),
        "candidate_schema": _rates(result, adapter, schema=True),
        "base": _rates(result, None, schema=False),
        "base_schema": _rates(result, None, schema=True),
        "production": _production_rates(registry, case),
    }


def _production_rates(registry: Registry, case: PromotionCase) -> dict[str, Any] | None:
    """None says that nothing is in production; empty says that what is there was never measured."""
    where = PointerQuery(tenant=case.request.tenant, model=case.request.model, stage="production")
    target = registry.pointers.read(where).target
    if target is None:
        return None
    version = registry.versions.get(target, tenant=case.request.tenant, model=case.request.model)
    return _rates(version.request.evaluation, target, schema=False) or {}


def _rates(result: EvaluationResult | None, adapter: str | None, *, schema: bool) -> dict[str, Any] | None:
    """Rates of one arm on the split that is reported, not on the one that the checkpoint was chosen on."""

    def wanted(arm: ArmScores) -> bool:
        return (arm.adapter, arm.schema_decoding, arm.split) == (adapter, schema, "report")

    arm = next((arm for arm in result.arms if wanted(arm)), None) if result else None
    if arm is None:
        return None
    return {
        rate.name: {
            "value": rate.value,
            # The bounds are rounded floats: let them not part from the value that they enclose.
            "low": min(rate.low, rate.value),
            "high": max(rate.high, rate.value),
            "count": rate.count,
            "total": rate.total,
        }
        for rate in arm.rates
    }


def _card_facts(registry: Registry, card: CardDraft) -> dict[str, Any]:
    return {
        "digest": card.card.sha256,
        "diff": card.diff.sha256,
        "missing": _missing_sections(registry, card),
    }


def _missing_sections(registry: Registry, card: CardDraft) -> list[str]:
    try:
        document = json.loads(registry.blobs.get(card.card))
    except (ValueError, NotFound, IntegrityRefused):
        return list(REQUIRED)
    return missing(document) if isinstance(document, dict) else list(REQUIRED)


def _signature_facts(registry: Registry, case: PromotionCase, public_key: Path) -> dict[str, Any]:
    """Of what is promoted now, and of what stands registered: by the verifier that is asked again before each load."""
    request = case.request
    try:
        digest = verify_files(registry.blobs, case.version, public_key)
        verify_version(registry, digest, public_key, tenant=request.tenant, model=request.model)
    except (IntegrityRefused, NotFound) as error:
        return {"verified": False, "digest": None, "code": error.code}
    return {"verified": True, "digest": digest}


def _statement_facts(registry: Registry, reference: Reference, public_key: Path) -> dict[str, Any]:
    try:
        statement = open_envelope(registry.blobs.get(reference), public_key)
        subject, predicate_type = statement.subject_digest, statement.predicate_type
    except (IntegrityRefused, NotFound, KeyError):
        return {"verified": False, "predicate_type": None, "subject": None}
    return {"verified": True, "predicate_type": predicate_type, "subject": subject}

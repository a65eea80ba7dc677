"""Model cards: what a reviewer must know before saying yes. Sections follow the Hugging Face model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assay.contracts.base import Message
from assay.contracts.promotion import PinnedPromotion

REQUIRED: Final = (
    "model_details",
    "uses",
    "training_data",
    "training_procedure",
    "evaluation",
    "risks_and_limitations",
)


class DatasetFacts(Message):
    """What the card says of one dataset."""

    id: str
    accepted: int
    redacted: int
    refused: int
    licences: tuple[str, ...]
    tiers: tuple[str, ...]
    synthetic_sources: tuple[str, ...]


def card(
    request: PinnedPromotion, base_licence: str, recipe: Mapping[str, Any], datasets: Sequence[DatasetFacts]
) -> dict[str, Any]:
    """The card of one version as plain data; the same facts give the same card."""
    chosen, training = request.evaluation.chosen, request.training
    return {
        "schema": "assay/model-card/v1",
        "model_details": {
            "name": f"{request.tenant}/{request.model}",
            "version": request.version,
            "adapter": chosen.adapter,
            "checkpoint_step": chosen.step,
            "base": request.base.model_dump(mode="json"),
            "base_licence": base_licence,
            "chat_template": request.evaluation.template,
        },
        "uses": {"purpose": request.purpose, "out_of_scope": "Use by another tenant, and on another base model."},
        "training_data": [facts.model_dump(mode="json") for facts in datasets],
        "training_procedure": {
            "run": training.run_id,
            "config_hash": training.config_hash,
            "steps": training.steps,
            "loss_first": training.loss_first,
            "loss_last": training.loss_last,
            "recipe": dict(recipe),
        },
        "evaluation": {
            "report": request.evaluation.report.sha256,
            "arms": {
                arm.name: {
                    r.name: {"count": r.count, "total": r.total, "low": r.low, "high": r.high} for r in arm.rates
                }
                for arm in request.evaluation.arms
                if arm.split == "report"
            },
        },
        "risks_and_limitations": _limitations(request, datasets),
    }


def missing(document: Mapping[str, Any]) -> list[str]:
    """Required sections that are absent or empty; the review gate refuses a card with any."""
    return [section for section in REQUIRED if not document.get(section)]


def _limitations(request: PinnedPromotion, datasets: Sequence[DatasetFacts]) -> list[str]:
    said = ["Rates are measured on the named suite only; intervals are 95 % Wilson score intervals."]
    synthetic = sorted({name for facts in datasets for name in facts.synthetic_sources})
    if synthetic:
        said.append(f"Rows of {', '.join(synthetic)} were written by a model.")
    if request.training.rows_too_long:
        said.append(f"{request.training.rows_too_long} rows were longer than the training window and were left out.")
    return said


def markdown(document: Mapping[str, Any]) -> str:
    """The card for people."""
    details = document["model_details"]
    lines = [f"# {details['name']} version {details['version']}", ""]
    for section in REQUIRED:
        lines += [f"## {section.replace('_', ' ').capitalize()}", "", *_bullets(document[section]), ""]
    return "\n".join(lines)


def _bullets(value: object, indent: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return [line for key, one in value.items() for line in _bullet(str(key), one, indent)]
    if isinstance(value, list):
        return [line for one in value for line in _bullet("", one, indent)]
    return [f"{indent}{value}"]


def _bullet(key: str, value: object, indent: str) -> list[str]:
    if isinstance(value, (Mapping, list)) and value:
        return [f"{indent}* {key}", *_bullets(value, f"{indent}  ")]
    return [f"{indent}* {key}: {value}" if key else f"{indent}* {value}"]

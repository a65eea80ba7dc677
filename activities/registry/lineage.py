"""Lineage edges of a registered version: datasets and base -> run -> adapter -> report."""

from __future__ import annotations

from assay.contracts.promotion import PromotionCase
from registry.lineage import Lineage


def link_version(lineage: Lineage, case: PromotionCase) -> None:
    """Enter the edges of one promotion case; again adds nothing."""
    request = case.request
    run, adapter, report = request.training.run_id, case.version.digest, request.evaluation.report.sha256
    lineage.link(request.base.digest, run, "trained on", parent_kind="base", child_kind="run")
    for dataset in request.datasets:
        lineage.link(dataset, run, "trained with", parent_kind="dataset", child_kind="run")
    for candidate in request.training.candidates:
        relation = f"checkpoint at step {candidate.step}"
        lineage.link(run, candidate.adapter, relation, parent_kind="run", child_kind="adapter")
    lineage.link(adapter, report, "evaluated in", parent_kind="adapter", child_kind="report")
    lineage.link(adapter, case.card.card.sha256, "described by", parent_kind="adapter", child_kind="card")

"""The datasheet of a sealed dataset (after Gebru et al. 2021, "Datasheets for Datasets"): numbers first, then pages.

Everything in it is counted from ledger, manifest and registry, so that nobody has to believe it; it names no person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from activities.data.hints import hints
from activities.data.ledgers import fetch
from activities.data.manifest import composition_of, formers_of, licence_terms, manifest_of
from activities.data.profile import profile
from activities.policy.asking import Asks
from assay.contracts.base import Reference
from assay.contracts.data import Source
from assay.contracts.datasheet import Datasheet, DatasheetFiles, LicenceUse, Profile, Resealed, SourceTerms
from assay.contracts.errors import IntegrityRefused
from registry import DatasetRecord, Registry

RELATION: Final = "described by"


class _Verdict(BaseModel):
    expression: str
    rows: int
    outcome: str
    chosen: tuple[str, ...]
    obligations: tuple[str, ...]


class _Judged(BaseModel):
    outcome: str
    terms: tuple[_Verdict, ...]


def datasheet(registry: Registry, dataset: str, gate: Asks | None = None) -> Datasheet:
    """Add up a dataset. Without a gate its licences are counted and not judged; where a case sealed it again, it names
    the dataset before, and has them as the sheet of that one says.

    Raises NotFound (`DATASET_UNKNOWN`, `SHARD_DESTROYED`), IntegrityRefused, PolicyUndefined, Unavailable.
    """
    record = registry.datasets.get(dataset)
    manifest = manifest_of(registry, record)
    with tempfile.TemporaryDirectory(prefix="assay-datasheet-") as scratch:
        counted = profile((fetch(registry, record, Path(scratch)),))
    depths = [int(one.name) for one in counted.depths]
    return Datasheet(
        dataset=dataset,
        tenant=record.request.tenant,
        name=record.request.dataset,
        version=record.request.version,
        purpose=record.request.purpose,
        profile=counted,
        sources=_sources(record, manifest, counted),
        subjects=registry.datasets.subjects(dataset),
        synthetic_share=round(sum(one.share for one in counted.depths if one.name != "0"), 6),
        synthetic_depth=max(depths, default=0),
        hints=hints(counted),
        resealed=_resealed(registry, record, manifest),
        **_licences(registry, record, manifest, gate),
    )


def write(registry: Registry, dataset: str, gate: Asks | None) -> DatasheetFiles:
    """Store numbers and pages of a dataset, and link them to it. The same dataset under the same policy writes once.

    Raises as `datasheet` does.
    """
    from activities.data.datasheet_pages import html, markdown

    sheet = datasheet(registry, dataset, gate)
    pages = {
        "numbers": sheet.model_dump_json(indent=2),
        "markdown": markdown(sheet),
        "html": html(sheet),
    }
    stored = {name: registry.blobs.put(text.encode()) for name, text in pages.items()}
    for name, reference in stored.items():
        registry.lineage.link(
            dataset, reference.sha256, f"{RELATION} ({name})", parent_kind="dataset", child_kind="datasheet"
        )
    return DatasheetFiles(**stored)


def sheet_of(registry: Registry, dataset: str) -> Datasheet:
    """The sheet that was written when the dataset was sealed, or one made now, without asking a gate.

    Raises as `datasheet` does.
    """
    numbers = page_of(registry, dataset, "numbers")
    return Datasheet.model_validate_json(registry.blobs.get(numbers)) if numbers else datasheet(registry, dataset)


def files_of(registry: Registry, dataset: str) -> DatasheetFiles | None:
    """The pages that were written, if all were; of several the last."""
    found = {name: page_of(registry, dataset, name) for name in DatasheetFiles.model_fields}
    uris = {name: Reference(uri=f"blob:{one[7:]}", sha256=one) for name, one in found.items() if one}
    return DatasheetFiles(**uris) if len(uris) == len(found) else None


def page_of(registry: Registry, dataset: str, page: str = "markdown") -> str | None:
    """Digest of a page (markdown, html or numbers) that was written at the sealing; of several the last."""
    nodes = registry.lineage.descendants(dataset)
    found = [node.name for node in nodes if node.relation == f"{RELATION} ({page})" and node.via == dataset]
    return found[-1] if found else None


def judged(terms: list[dict[str, Any]], purpose: str, base: Mapping[str, Any] | None, gate: Asks) -> dict[str, Any]:
    """What the licences gate says of rows under these terms: `licence_outcome`, `licences`, and by which decision.

    Raises PolicyUndefined, Unavailable.
    """
    answer = gate.decide("licences", {"purpose": purpose, "base": base and dict(base), "terms": terms})
    said = TypeAdapter(_Judged).validate_python(dict(answer.document))
    return {
        "licence_outcome": said.outcome,
        "licences": tuple(LicenceUse(**verdict.model_dump()) for verdict in said.terms),
        "policy_revision": answer.decision.policy_revision,
        "licences_question": answer.decision.input.sha256,
    }


def _licences(
    registry: Registry, record: DatasetRecord, manifest: Mapping[str, Any], gate: Asks | None
) -> dict[str, Any]:
    try:
        terms = licence_terms(composition_of(manifest))
    except IntegrityRefused:
        return {}
    if gate is not None:
        return judged(terms, record.request.purpose, None, gate)
    former = _judged_before(registry, record)
    known = {use.expression: use for use in former.licences} if former else {}
    uses = tuple(_use(term, known.get(term["expression"])) for term in terms)
    if former is None:
        return {"licences": uses}
    return {
        "licences": uses,
        "licences_of": former.licences_of or former.dataset,
        **former.model_dump(include={"licence_outcome", "policy_revision", "licences_question"}),
    }


def _use(term: Mapping[str, Any], judged: LicenceUse | None) -> LicenceUse:
    if judged is None:
        return LicenceUse(expression=term["expression"], rows=term["rows"], outcome="not asked")
    return judged.model_copy(update={"rows": term["rows"]})


def _judged_before(registry: Registry, record: DatasetRecord) -> Datasheet | None:
    """The sheet of the nearest dataset that this one was made from, if it was sealed again, with judged licences."""
    for former in formers_of(registry, record):
        if numbers := page_of(registry, former.dataset.id, "numbers"):
            sheet = Datasheet.model_validate_json(registry.blobs.get(numbers))
            if sheet.licence_outcome is not None:
                return sheet
    return None


def _resealed(registry: Registry, record: DatasetRecord, manifest: Mapping[str, Any]) -> Resealed | None:
    formers = list(formers_of(registry, record))
    if not formers:
        return None
    request = formers[0].request
    # Not of the manifest: two cases may have sealed it. Older releases wrote it there.
    withdrawn = registry.withdrawals.of((formers[0].dataset.id,))
    case = manifest.get("case") or registry.shards.destroyed(formers[0].ledger.sha256)
    return Resealed(
        case=case or (withdrawn[0].case if withdrawn else None),
        replaces=formers[0].dataset.id,
        name=f"{request.tenant}/{request.dataset}/{request.version}",
        intake=formers[-1].dataset.id,
    )


def _sources(record: DatasetRecord, manifest: Mapping[str, Any], counted: Profile) -> tuple[SourceTerms, ...]:
    digests = {one["name"]: one.get("sha256") for one in manifest.get("sources", [])}
    rows = {one.name: one for one in counted.sources}
    return tuple(_terms(source, digests.get(source.name), rows) for source in record.request.sources)


def _terms(source: Source, digest: str | None, rows: Mapping[str, Any]) -> SourceTerms:
    mine = rows.get(source.name)
    plain = {"name", "system", "licence", "tier", "consent", "purposes", "retention_days", "regulated", "people"}
    more = {"improves_shared_models", "synthetic_depth", "legal_basis", "contract_clause", "known_gaps"}
    return SourceTerms(
        **source.model_dump(include=plain | more),
        assessed=source.dpia is not None,
        sha256=digest,
        accepted=mine.count if mine else 0,
        share=mine.share if mine else 0.0,
    )

"""What a dataset's manifest says of its rows: what gates judge by, without its ledger and without its rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from activities.data.licences import normalise
from assay.contracts.datasheet import RowGroup
from assay.contracts.errors import InputRefused, IntegrityRefused, NotFound
from registry import DatasetRecord, Registry

_GROUPS: Final = TypeAdapter(tuple[RowGroup, ...])


def manifest_of(registry: Registry, record: DatasetRecord) -> dict[str, Any]:
    """What the manifest says; a field that it does not say is absent.

    Raises NotFound, IntegrityRefused (`MANIFEST_MALFORMED`, `BLOB_TAMPERED`), Unavailable.
    """
    try:
        manifest = json.loads(registry.blobs.get(record.dataset.manifest))
    except ValueError as error:
        raise IntegrityRefused("MANIFEST_MALFORMED", "a dataset's manifest is no JSON", "seal it again") from error
    return manifest if isinstance(manifest, dict) else {}


def formers_of(registry: Registry, record: DatasetRecord) -> Iterator[DatasetRecord]:
    """The datasets in whose place a case sealed this one, the latest first; none of what an intake sealed.

    Raises IntegrityRefused (`MANIFEST_MALFORMED`, `BLOB_TAMPERED`), Unavailable.
    """
    seen = {record.dataset.id}
    while True:
        try:
            former = manifest_of(registry, record).get("replaces")
            if not isinstance(former, str) or former in seen:
                return
            record = registry.datasets.get(former)
        except NotFound:
            return  # destroyed whole
        seen.add(former)
        yield record


def refuse_taken(registry: Registry, tenant: str, dataset: str, version: int) -> frozenset[str]:
    """A case seals what it left of a dataset under the next number, which an intake does not know of.

    Answers the seals of this version that are there, such as the intake's own of another time.

    Raises InputRefused (`DATASET_VERSION_TAKEN`) where one that is there has this number, IntegrityRefused,
    Unavailable.
    """
    seals = registry.datasets.all_named(tenant, dataset)
    mine = [one for one in seals if one.request.version == version]
    for one in mine:
        if "replaces" in manifest_of(registry, one):
            free = max(record.request.version for record in seals) + 1
            raise InputRefused(
                "DATASET_VERSION_TAKEN",
                f"an erasure sealed {tenant}/{dataset}/{version} in another version's place; version {free} is free",
                f"give the intake, or the lifecycle, version {free}: it obeys what was erased in any case",
            )
    return frozenset(one.dataset.id for one in mine)


def composition_of(manifest: Mapping[str, Any]) -> tuple[RowGroup, ...]:
    """What a manifest says of it.

    Raises IntegrityRefused (`COMPOSITION_MISSING`) when it says nothing, as those of the first version do, or nonsense.
    """
    try:
        groups = _GROUPS.validate_python(manifest.get("composition"))
    except ValidationError:
        groups = ()
    if not groups:
        raise IntegrityRefused(
            "COMPOSITION_MISSING",
            "a dataset's manifest does not say what its rows are made of",
            "seal the dataset again: its intake with the next version number",
        )
    return groups


def licence_terms(groups: Sequence[RowGroup]) -> list[dict[str, Any]]:
    """Facts for gates: every licence expression with its ways to comply and the rows under it, by expression.

    An expression that cannot be read has no way to comply, so that gates refuse it with its rows.
    """
    rows: Counter[str] = Counter()
    for group in groups:
        rows[group.licence] += group.rows
    return [{"expression": text, "licences": ways_of(text), "rows": rows[text]} for text in sorted(rows)]


def ways_of(text: str) -> list[str] | list[list[str]]:
    """Ways to comply with a licence, as facts state them; none when it cannot be read."""
    try:
        return normalise(text).facts()
    except InputRefused:
        return []

"""Versions as people name them, `TENANT/MODEL/VERSION`, and what a decision or a statement says it is about."""

from __future__ import annotations

import json
from typing import Final

import click

from activities.signing.envelope import payload_of
from activities.signing.statements import SUMMARY, Statement
from assay.contracts.base import Digest
from assay.contracts.errors import InputRefused, NotFound
from assay.contracts.policy import Decision
from registry import DatasetRecord, Registry, VersionRecord

_PARTS: Final = 3


def name_of(version: VersionRecord) -> str:
    """`acme/helpdesk/1`"""
    return f"{version.tenant}/{version.model}/{version.version}"


def dataset_named(registry: Registry, name: str) -> DatasetRecord:
    """The dataset that a digest or `TENANT/NAME/VERSION` names. Raises NotFound (`DATASET_UNKNOWN`)."""
    parts = name.split("/")
    if len(parts) == _PARTS and parts[2].isdecimal():
        return registry.datasets.named(parts[0], parts[1], int(parts[2]))
    return registry.datasets.get(name)


def only_dataset_named(registry: Registry, name: str) -> DatasetRecord:
    """As `dataset_named`, where the newest of several seals of one version will not do.

    Raises NotFound (`DATASET_UNKNOWN`), InputRefused (`DATASET_AMBIGUOUS`).
    """
    record = dataset_named(registry, name)
    live = _live_seals(registry, record) if "/" in name else []
    if len(live) > 1:
        raise InputRefused("DATASET_AMBIGUOUS", f"{name} was sealed as {', '.join(live)}", "name the digest meant")
    # The newest may be withdrawn, and an older one of the same number be in use.
    return registry.datasets.get(live[0]) if live else record


def _live_seals(registry: Registry, record: DatasetRecord) -> list[str]:
    """Digests of all datasets of this name and version that are not withdrawn, newest first."""
    request = record.request
    seals = registry.datasets.all_named(request.tenant, request.dataset)
    return [one.dataset.id for one in seals if one.request.version == request.version and not one.quarantined]


def dataset_or_newest(registry: Registry, name: str) -> DatasetRecord:
    """As `dataset_named`; of `TENANT/NAME` the newest version that is not withdrawn, which standard error says.

    It says too where several seals of one version are left to choose from: the newest is taken.

    Raises NotFound (`DATASET_UNKNOWN`).
    """
    tenant, slash, rest = name.partition("/")
    if not slash:
        return dataset_named(registry, name)
    unnumbered = "/" not in rest
    record = registry.datasets.newest(tenant, rest) if unnumbered else dataset_named(registry, name)
    others = [one for one in _live_seals(registry, record) if one != record.dataset.id]
    if unnumbered or others:
        also = f", the newest of its seals (also {', '.join(others)})" if others else ""
        click.echo(f"{name}: version {record.request.version}, {record.dataset.id}{also}", err=True)
    return record


def version_named(registry: Registry, name: str) -> VersionRecord:
    """The version that a digest or `TENANT/MODEL/VERSION` names.

    Raises NotFound (`VERSION_UNKNOWN`), InputRefused (`VERSION_AMBIGUOUS`): several models hold the same weights.
    """
    parts = name.split("/")
    if len(parts) == _PARTS and parts[2].isdecimal():
        try:
            return registry.versions.numbered(parts[0], parts[1], int(parts[2]))
        except NotFound:
            if again := _released_again(registry, parts[0], parts[1], name):
                return again
            raise
    found = [version for version in registry.versions.list() if version.digest == name]
    if not found:
        raise NotFound("VERSION_UNKNOWN", f"no registered version {name}", "see `assay models`")
    if len(found) > 1:
        names = ", ".join(sorted(name_of(version) for version in found))
        raise InputRefused("VERSION_AMBIGUOUS", f"{name} is the weights of {names}", "name one of them, not the digest")
    return found[0]


def released(registry: Registry, version: VersionRecord) -> list[tuple[str, Decision]]:
    """The decisions that released these weights, oldest first, each with what it is about."""
    decisions = registry.decisions.list(version.digest)
    return [(decided_about(registry, d), d) for d in decisions if d.gate == "release" and d.allow]


def _released_again(registry: Registry, tenant: str, model: str, name: str) -> VersionRecord | None:
    """Weights that were promoted again under another number keep their first entry; the gate knows the second name."""
    versions = registry.versions.list(tenant=tenant, model=model)
    return next((one for one in versions if any(about == name for about, _ in released(registry, one))), None)


def decided_about(registry: Registry, decision: Decision) -> str:
    """`acme/helpdesk/1`, as far as the stored input says so: the training gate is asked before there is a version."""
    try:
        facts = json.loads(registry.blobs.get(decision.input.sha256))
    except NotFound:
        return ""
    parts = [facts.get(part) for part in ("tenant", "model", "version")] if isinstance(facts, dict) else []
    return "/".join(str(part) for part in parts if part is not None)


def states_about(registry: Registry, digest: Digest, name: str) -> bool:
    """Whether a stored statement is about the version of this name: a gate's names the one that it decided about."""
    statement = Statement.parse(payload_of(registry.blobs.get(digest)))
    said = statement.predicate.get("resourceUri")
    return statement.predicate_type != SUMMARY or said == f"urn:assay:version:{name}"

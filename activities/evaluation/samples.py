"""Samples as stored: JSONL, one sample a line, in the order of the suite.

Those of an adapter begin with a line that names it: two adapters that answer alike, or as the base does, have files of
their own, so that one can be destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from assay.contracts.base import Digest, Reference
from assay.contracts.errors import IntegrityRefused
from evals.run import Sample
from registry import Registry
from registry.blobs import reference_to

SAMPLES: Final = "samples"
"""Kind of artifact in the lineage: what an adapter answered."""

_HEAD: Final = b'{"adapter":"'


def dump_samples(samples: Sequence[Sample], adapter: Digest | None) -> bytes:
    """Bytes of a sample file; `adapter` is None for answers of the base."""
    lines = (sample.model_dump_json().encode() for sample in samples)
    head = () if adapter is None else (_HEAD + adapter.encode() + b'"}',)
    return b"".join(line + b"\n" for line in (*head, *lines))


def keep_samples(registry: Registry, samples: Sequence[Sample], adapter: Digest | None) -> Reference:
    """Store them, known to the lineage before they are there, so that an erasure finds what no report names yet.

    Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`): of an adapter that is withdrawn nothing is added; Unavailable.
    """
    data = dump_samples(samples, adapter)
    if adapter is None:
        return registry.blobs.put(data)
    digest = reference_to(data).sha256
    registry.withdrawals.refuse(adapter)
    registry.lineage.link(adapter, digest, "answered", parent_kind="adapter", child_kind=SAMPLES)
    there = registry.blobs.has(digest)  # from an attempt before: the erasure's to remove, or a hold's to keep
    stored = registry.blobs.put(data)
    try:
        registry.withdrawals.refuse(adapter)
    except IntegrityRefused:
        if not there:
            registry.blobs.remove(digest)
        raise
    return stored


def load_samples(data: bytes) -> tuple[Sample, ...]:
    """Samples of a file that `dump_samples` wrote."""
    return tuple(Sample.model_validate_json(line) for line in data.splitlines() if not line.startswith(_HEAD))

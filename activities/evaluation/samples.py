"""Samples as stored: JSONL, one sample a line, in the order of the suite."""

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


def dump_samples(samples: Sequence[Sample]) -> bytes:
    """Bytes of a sample file."""
    return b"".join(sample.model_dump_json().encode() + b"\n" for sample in samples)


def keep_samples(registry: Registry, samples: Sequence[Sample], adapter: Digest | None) -> Reference:
    """Store them, known to the lineage before they are there, so that an erasure finds what no report names yet.

    Raises IntegrityRefused (`ARTIFACT_WITHDRAWN`): of an adapter that is withdrawn nothing stays. Raises Unavailable.
    """
    data = dump_samples(samples)
    if adapter is None:
        return registry.blobs.put(data)
    digest = reference_to(data).sha256
    registry.withdrawals.refuse(adapter)
    registry.lineage.link(adapter, digest, "answered", parent_kind="adapter", child_kind=SAMPLES)
    stored = registry.blobs.put(data)
    try:
        registry.withdrawals.refuse(adapter)
    except IntegrityRefused:
        registry.blobs.remove(digest)
        raise
    return stored


def load_samples(data: bytes) -> tuple[Sample, ...]:
    """Samples of a file that `dump_samples` wrote."""
    return tuple(Sample.model_validate_json(line) for line in data.splitlines())

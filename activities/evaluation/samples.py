"""Samples as stored: JSONL, one sample a line, in the order of the suite."""

from __future__ import annotations

from collections.abc import Sequence

from evals.run import Sample


def dump_samples(samples: Sequence[Sample]) -> bytes:
    """Bytes of a sample file."""
    return b"".join(sample.model_dump_json().encode() + b"\n" for sample in samples)


def load_samples(data: bytes) -> tuple[Sample, ...]:
    """Samples of a file that `dump_samples` wrote."""
    return tuple(Sample.model_validate_json(line) for line in data.splitlines())

"""What a second search looks for: taken from the rows before they go, sealed like a shard, destroyed with the case."""

from __future__ import annotations

import tempfile
from pathlib import Path

from assay.contracts.base import Message
from assay.contracts.erasure import CaseJob
from registry import Registry


class Probe(Message):
    """Texts that only these rows say, ids of the rows, keyed hashes of the person."""

    texts: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


def add_to_probe(registry: Registry, job: CaseJob, more: Probe) -> None:
    """Seal what is known together with what was known before."""
    known = read_probe(registry, job)
    own = [job.request.subject] if job.request.subject else []
    both = Probe(
        texts=tuple(sorted({*known.texts, *more.texts})),
        rows=tuple(sorted({*known.rows, *more.rows})),
        hashes=tuple(sorted({*known.hashes, *more.hashes, *own})),
    )
    if both == known:
        return
    former = registry.erasures.get(job.case).probe
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        path = Path(folder, "probe")
        path.write_text(both.model_dump_json(), encoding="utf-8")
        path.chmod(0o600)
        registry.erasures.keep_probe(job.case, registry.shards.put_file(path))
    if former:
        registry.shards.destroy(former, job.case)


def read_probe(registry: Registry, job: CaseJob) -> Probe:
    """The probe of a case; an empty one before there is any."""
    reference = registry.erasures.get(job.case).probe
    if reference is None:
        return Probe()
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        path = registry.shards.fetch_file(reference, Path(folder, "probe"))
        return Probe.model_validate_json(path.read_bytes())


def destroy_probe(registry: Registry, job: CaseJob) -> None:
    """The last that anybody could read of the rows."""
    if (reference := registry.erasures.get(job.case).probe) is not None:
        registry.erasures.keep_probe(job.case, None)
        registry.shards.destroy(reference, job.case)

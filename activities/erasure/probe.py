"""What a second search looks for: taken from the rows before they go, sealed like a shard, destroyed with the case."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from activities.erasure.tables import said, shared
from assay.contracts.base import Message, Reference
from assay.contracts.erasure import CaseJob
from assay.contracts.errors import NotFound
from registry import Registry


class Probe(Message):
    """Texts that only these rows say, ids of the rows, keyed hashes of the person, digests of what is destroyed.

    `common` texts are said by others as well: known so that they are not taken for the person's later on. `former` are
    probes that this one stands in for: they say the same texts, and a kill may have left one.
    """

    texts: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    def __or__(self, more: Probe) -> Probe:
        common = {*self.common, *more.common}
        return Probe(
            texts=tuple(sorted({*self.texts, *more.texts} - common)),
            common=tuple(sorted(common)),
            rows=tuple(sorted({*self.rows, *more.rows})),
            hashes=tuple(sorted({*self.hashes, *more.hashes})),
            shards=tuple(sorted({*self.shards, *more.shards})),
            former=tuple(sorted({*self.former, *more.former})),
        )


def add_to_probe(registry: Registry, job: CaseJob, more: Probe) -> None:
    """Seal what is known together with what was known before."""
    known = sealed_probe(registry, job)
    both = known | more
    if both == known:
        return
    former = registry.erasures.get(job.case).probe
    both |= Probe(former=(former.sha256,) if former else ())
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        path = Path(folder, "probe")
        path.write_text(both.model_dump_json(), encoding="utf-8")
        path.chmod(0o600)
        registry.erasures.keep_probe(job.case, registry.shards.put_file(path))
    if former:
        registry.shards.destroy(former, job.case)


def read_probe(registry: Registry, job: CaseJob) -> Probe:
    """What is sealed, and what the case itself says: whose rows, and their ids."""
    request = job.request
    own = [request.subject] if request.subject else []
    mentions = registry.erasures.mentioned(job.case, request.mentions)
    rows = registry.erasures.sought(job.case, request)
    return sealed_probe(registry, job) | Probe(rows=tuple(rows), hashes=(*own, *mentions))


def sealed_probe(registry: Registry, job: CaseJob) -> Probe:
    """What was taken from the rows before they went; an empty one before there is any."""
    reference = registry.erasures.get(job.case).probe
    if reference is None:
        return Probe()
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        path = registry.shards.fetch_file(reference, Path(folder, "probe"))
        return Probe.model_validate_json(path.read_bytes())


def learn(registry: Registry, job: CaseJob, shards: Iterable[Reference]) -> None:
    """Take what the case's rows say from these shards, before any of them goes; what other rows there say is common.

    Read twice, so that no more than the case's own texts is in memory.
    """
    rows = registry.erasures.sought(job.case, job.request)
    every = registry.erasures.rows(job.case, job.request)
    of, texts, common = tuple(dict.fromkeys(shards)), set(sealed_probe(registry, job).texts), set[str]()
    for path in _opened(registry, of) if rows else ():
        texts |= said(path, rows)
    for path in _opened(registry, of) if texts else ():
        common |= shared(path, texts - common, every)
    add_to_probe(registry, job, Probe(texts=tuple(texts), common=tuple(common), rows=tuple(rows)))


def _opened(registry: Registry, shards: Iterable[Reference]) -> Iterator[Path]:
    """One after another; one whose key is destroyed was learnt from before."""
    for reference in shards:
        with tempfile.TemporaryDirectory(prefix="assay-learn-") as folder, suppress(NotFound):
            yield registry.shards.fetch_file(reference, Path(folder, "shard"))


def destroy_probe(registry: Registry, job: CaseJob) -> None:
    """The last that anybody could read of the rows. Forgotten when it is gone, not before."""
    if (reference := registry.erasures.get(job.case).probe) is not None:
        registry.shards.destroy(reference, job.case)
        registry.erasures.keep_probe(job.case, None)

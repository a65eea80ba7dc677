"""Which case destroyed bytes that are not there: what the registry still knows of them."""

from __future__ import annotations

from activities.erasure.shredding import learnt_blobs
from assay.contracts.erasure import Artifact
from assay.contracts.errors import NotFound
from registry import Registry


def why_destroyed(registry: Registry, digest: str) -> NotFound | None:
    """What to say of a blob that the store does not have; None where nobody is known to have destroyed it."""
    reason = registry.shards.destroyed(digest)
    case = reason if reason is not None else _case_of(registry, digest)
    if case is None:
        return None
    if case.startswith("staged for "):
        said, remedy = case, "see the dataset that this intake sealed: `assay data sheet`"
    elif case:
        said, remedy = f"case {case}", f"see `assay erase show {case}`, which names what is there in its place"
    else:
        said, remedy = "no case was named", "see `assay erase list`"
    return NotFound("BLOB_DESTROYED", f"{digest} was destroyed ({said}): nobody can read it again", remedy)


def _case_of(registry: Registry, digest: str) -> str | None:
    """Of weights and samples, which leave no key behind: what was withdrawn says which were its own."""
    kinds = ("adapter", "checkpoint", "run", "report")
    withdrawn = [one for kind in kinds for one in registry.withdrawals.by_kind(kind)]
    adapters = tuple(Artifact(name=one.name, kind=one.kind) for one in withdrawn if one.kind == "adapter")
    for one in withdrawn:
        if one.name == digest and (one.kind != "adapter" or _is_over(registry, one.case)):
            return one.case
        # Of a report's samples those of withdrawn adapters went.
        if digest in learnt_blobs(registry, (Artifact(name=one.name, kind=one.kind), *adapters)):
            return one.case
    return None


def _is_over(registry: Registry, case: str) -> bool:
    """An adapter's name is that of a folder, which was never a blob: it is gone for certain when its case is over."""
    try:
        return registry.erasures.get(case).closed_at is not None
    except NotFound:
        return False

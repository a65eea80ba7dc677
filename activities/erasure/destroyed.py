"""Which case destroyed bytes that are not there: what the registry still knows of them."""

from __future__ import annotations

from assay.contracts.errors import NotFound
from registry import Registry


def why_destroyed(registry: Registry, digest: str) -> NotFound | None:
    """What to say of a blob that the store does not have; None where nothing is known of it.

    By look-ups of the digest alone, whatever was withdrawn and destroyed so far.
    """
    reason = registry.shards.destroyed(digest)
    if reason is None:
        return _withdrawn(registry, digest)
    if reason.startswith("staged for "):
        said, remedy = reason, "see the dataset that this intake sealed: `assay data sheet`"
    elif reason:
        said, remedy = f"case {reason}", f"see `assay erase show {reason}`, which names what is there in its place"
    else:
        said, remedy = "no case was named", "see `assay erase list`"
    return NotFound("BLOB_DESTROYED", f"{digest} was destroyed ({said}): nobody can read it again", remedy)


def _withdrawn(registry: Registry, digest: str) -> NotFound | None:
    """A withdrawal names the first case that wanted it gone, which may have destroyed nothing: a hold may stop it."""
    found = registry.withdrawals.of((digest,))
    if not found:
        return None
    case = found[0].case
    return NotFound(
        "BLOB_UNKNOWN",
        f"no blob {digest}: the {found[0].kind} of this name was withdrawn under case {case}, and nothing says that it "
        "was destroyed",
        f"see `assay erase show {case}`; if it should be there, check ASSAY_BLOB_URL",
    )

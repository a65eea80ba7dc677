"""What all passes of one erasure found and removed, as one message: it grows with what was found, not with the passes.

An erasure looks again until nothing is left, and each pass names everything that it removed and the earlier ones did.
"""

from __future__ import annotations

from collections.abc import Iterable

from assay.contracts.erasure import Counted, Counts, Found, FoundIn, Rows, Shredded, Withdrawn


def counted(found: Found) -> Counted:
    """How much a search found, without where."""
    own, mentioned = _counts(found.own), _counts(found.mentioned)
    return Counted(
        own=own.model_copy(update={"aside": own.aside + found.waiting}),
        mentioned=mentioned.model_copy(update={"aside": mentioned.aside + found.mentioned_waiting}),
    )


def also_found(before: tuple[Counted, ...], found: Found) -> tuple[Counted, ...]:
    """What was found at each pass; one that found what the last one did says nothing new."""
    now = counted(found)
    return before if before and before[-1] == now else (*before, now)


def also_withdrawn(before: Withdrawn | None, more: Withdrawn) -> Withdrawn:
    """All that is unservable now, as found last. How long it took, at which revision and gateways, is the first pass's:
    from then on nothing answered."""
    if before is None:
        return more
    artifacts = {one.name: one for one in (*before.artifacts, *more.artifacts)}
    return before.model_copy(
        update={
            "found": more.found,
            "artifacts": tuple(artifacts.values()),
            "models": tuple(dict.fromkeys((*before.models, *more.models))),
            "workflows": tuple(dict.fromkeys((*before.workflows, *more.workflows))),
            "unloaded": before.unloaded + more.unloaded,
        }
    )


def also_shredded(before: Shredded | None, more: Shredded) -> Shredded:
    """All that is destroyed. Each pass counts what was destroyed before as well; folders are counted by who removed
    them."""
    if before is None:
        return more
    return Shredded(
        shards=tuple(sorted({*before.shards, *more.shards})),
        blobs=max(before.blobs, more.blobs),
        folders=before.folders + more.folders,
        ledger_rows=max(before.ledger_rows, more.ledger_rows),
        scrubbed=before.scrubbed and more.scrubbed,
    )


def rows_in(of: Iterable[FoundIn]) -> int:
    """How many rows these are, each once: one that a version in the place of a gone dataset has too is counted there,
    and one that no version has, such as a quarantined row that outlived its dataset, where it was."""
    counts = _counts(of)
    return counts.kept + counts.aside + counts.refused


def _counts(found: Iterable[FoundIn]) -> Counts:
    counts = Counts()
    for one in found:
        kept, aside, refused = (getattr(one, name) - getattr(one.replaced, name) for name in Rows.model_fields)
        counts = Counts(
            datasets=counts.datasets + (not one.gone or bool(kept + aside + refused)),
            kept=counts.kept + kept,
            aside=counts.aside + aside,
            refused=counts.refused + refused,
        )
    return counts

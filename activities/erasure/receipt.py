"""The receipt: what was found, done and verified, as a signed in-toto statement that names nobody.

Digests, counts and times. Not who asked, not whose rows they were (not even as a keyed hash), and no row ids, which
are digests of what the rows said.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import rfc8785

from activities.erasure.probe import Probe, destroy_probe, read_probe
from activities.signing.envelope import sign_payload
from activities.signing.statements import STATEMENT_TYPE
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseDone, CaseJob, Found, FoundIn
from assay.contracts.errors import Conflict, NotFound
from registry import Registry

ERASURE: Final = "urn:assay:predicate:erasure:v1"


def write(registry: Registry, done: CaseDone, private_key: Path) -> Reference:
    """Sign, store, destroy the probe, close the case. The first receipt of a case stays.

    Raises Conflict (`ERASURE_INCOMPLETE`; `ERASURE_UNPROVED` when the search had nothing to look for), Unavailable.
    """
    case = done.job.case
    if (known := registry.erasures.get(case)).receipt:
        return Reference(uri=known.receipt.replace("sha256:", "blob:"), sha256=known.receipt)
    if done.remains.found:
        raise Conflict(
            "ERASURE_INCOMPLETE",
            f"case {case}: something is left in {len(done.remains.found)} places",
            "see `assay erase show`: it names them",
        )
    if _rows(done) and not _looked(registry, done.job):
        raise Conflict(
            "ERASURE_UNPROVED",
            f"case {case}: rows were found, and nothing was known of them that a search could look for",
            "see `assay erase show`, and order it again",
        )
    envelope = sign_payload(rfc8785.dumps(statement(done)), private_key)
    reference = registry.blobs.put(envelope)
    destroy_probe(registry, done.job)
    registry.erasures.close(case, reference.sha256, predicate(done))
    return reference


def _looked(registry: Registry, job: CaseJob) -> bool:
    """Whether a search knew what to look for."""
    try:
        return read_probe(registry, job) != Probe()
    except NotFound as error:
        if error.code != "SHARD_DESTROYED":
            raise
        return True  # an earlier try came here, destroyed the probe and was killed


def _rows(done: CaseDone) -> bool:
    of = [one.found for one in done.withdrawn]
    return any(found.waiting or any(one.kept or one.aside for one in found.own) for found in of)


def statement(done: CaseDone) -> dict[str, Any]:
    """The subjects are the case and everything that was withdrawn: whoever holds an adapter finds what became of it."""
    names = {one.name: one.kind for withdrawn in done.withdrawn for one in withdrawn.artifacts}
    digests = [(kind, name) for name, kind in sorted(names.items()) if name.startswith("sha256:")]
    case = {"name": done.job.case, "digest": {"sha256": hashlib.sha256(done.job.case.encode()).hexdigest()}}
    gone = [{"name": kind, "digest": {"sha256": name.removeprefix("sha256:")}} for kind, name in digests]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [case, *gone],
        "predicateType": ERASURE,
        "predicate": predicate(done),
    }


def predicate(done: CaseDone) -> dict[str, Any]:
    """What is said about the case."""
    first = done.withdrawn[0] if done.withdrawn else None
    kinds: dict[str, list[str]] = {}
    for name, kind in {one.name: one.kind for w in done.withdrawn for one in w.artifacts}.items():
        kinds.setdefault(kind, []).append(name)
    return {
        "case": done.job.case,
        "tenant": done.job.request.tenant,
        "ground": done.job.request.ground,
        "decision": done.job.decision_id,
        "opened": done.opened.isoformat(),
        "closed": done.closed.isoformat(),
        "found": [_counts(withdrawn.found) for withdrawn in done.withdrawn],
        "withdrawn": {kind: sorted(found) for kind, found in sorted(kinds.items())},
        "unservable": {
            "milliseconds": round(first.milliseconds) if first else 0,
            "gateways": first.gateways if first else 0,
            "routeRevision": first.revision if first else 0,
            "enginesUnloaded": sum(one.unloaded for one in done.withdrawn),
        },
        "stoppedWorkflows": sorted({name for one in done.withdrawn for name in one.workflows}),
        "replaced": [one.model_dump(mode="json") for one in done.replaced],
        "destroyed": {
            "shardKeys": sorted({shard for one in done.shredded for shard in one.shards}),
            # Each time counts what was destroyed before as well; folders are counted by who removed them.
            "blobs": max((one.blobs for one in done.shredded), default=0),
            "folders": sum(one.folders for one in done.shredded),
            "ledgerEntries": max((one.ledger_rows for one in done.shredded), default=0),
            "databaseScrubbed": all(one.scrubbed for one in done.shredded),
        },
        "newDatasets": [one.model_dump(mode="json") for one in done.datasets],
        "retraining": [one.model_dump(mode="json", exclude={"request"}) for one in done.retraining],
        "suppressed": done.job.request.suppress and bool(done.job.request.subject or done.job.request.mentions),
        "verified": done.remains.model_dump(mode="json"),
        "notVerified": ["systems of record that the sources were exported from", "backups, until they expire"],
    }


def _counts(found: Found) -> dict[str, Any]:
    def total(of: tuple[FoundIn, ...]) -> dict[str, int]:
        return {
            "datasets": len(of),
            "kept": sum(one.kept for one in of),
            "aside": sum(one.aside for one in of) + (found.waiting if of is found.own else 0),
            "refused": sum(one.refused for one in of),
        }

    return {"own": total(found.own), "mentionedAndNotConfirmed": total(found.mentioned)}

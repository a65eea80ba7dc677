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
from activities.erasure.withdrawing import withdrawn_by_now
from activities.signing.envelope import sign_payload
from activities.signing.statements import STATEMENT_TYPE
from assay.contracts.base import Reference
from assay.contracts.erasure import CaseDone, CaseJob, Found, Shredded, Withdrawn
from assay.contracts.erasure_totals import counted
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
    done = _with_late(registry, done)
    envelope = sign_payload(rfc8785.dumps(statement(done)), private_key)
    reference = registry.blobs.put(envelope)
    destroy_probe(registry, done.job)
    registry.erasures.close(case, reference.sha256, predicate(done))
    return reference


def _with_late(registry: Registry, done: CaseDone) -> CaseDone:
    """With what inherited the withdrawal after the last pass, such as a checkpoint of a training that was stopping."""
    withdrawn = _withdrawn(done)
    artifacts = withdrawn_by_now(registry, done.job, withdrawn.artifacts)
    return done.model_copy(update={"withdrawn": withdrawn.model_copy(update={"artifacts": artifacts})})


def _looked(registry: Registry, job: CaseJob) -> bool:
    """Whether a search knew what to look for."""
    try:
        return read_probe(registry, job) != Probe()
    except NotFound as error:
        if error.code != "SHARD_DESTROYED":
            raise
        return True  # an earlier try came here, destroyed the probe and was killed


def _rows(done: CaseDone) -> bool:
    every = (*done.found, counted(_withdrawn(done).found))
    return any(found.own.kept or found.own.aside for found in every)


def statement(done: CaseDone) -> dict[str, Any]:
    """The subjects are the case and everything that was withdrawn: whoever holds an adapter finds what became of it."""
    names = {one.name: one.kind for one in _withdrawn(done).artifacts}
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
    withdrawn, shredded = _withdrawn(done), done.shredded or Shredded()
    kinds: dict[str, list[str]] = {}
    for one in withdrawn.artifacts:
        kinds.setdefault(one.kind, []).append(one.name)
    return {
        "case": done.job.case,
        "tenant": done.job.request.tenant,
        "ground": done.job.request.ground,
        "decision": done.job.decision_id,
        "opened": done.opened.isoformat(),
        "closed": done.closed.isoformat(),
        "found": [
            {"own": one.own.model_dump(), "mentionedAndNotConfirmed": one.mentioned.model_dump()} for one in done.found
        ],
        "withdrawn": {kind: sorted(found) for kind, found in sorted(kinds.items())},
        "unservable": {
            "milliseconds": round(withdrawn.milliseconds),
            "gateways": withdrawn.gateways,
            "routeRevision": withdrawn.revision,
            "enginesUnloaded": withdrawn.unloaded,
        },
        "stoppedWorkflows": sorted(withdrawn.workflows),
        "replaced": [one.model_dump(mode="json") for one in done.replaced],
        "destroyed": {
            "shardKeys": sorted(shredded.shards),
            "blobs": shredded.blobs,
            "folders": shredded.folders,
            "ledgerEntries": shredded.ledger_rows,
            "databaseScrubbed": shredded.scrubbed,
        },
        "newDatasets": [one.model_dump(mode="json") for one in done.datasets],
        "retraining": [one.model_dump(mode="json", exclude={"request"}) for one in done.retraining],
        "suppressed": done.job.request.suppress and bool(done.job.request.subject or done.job.request.mentions),
        "verified": done.remains.model_dump(mode="json"),
        "notVerified": [
            "systems of record and files that the sources were read from",
            "copies that were exported with `assay evidence`",
            "backups, until they expire",
        ],
    }


def _withdrawn(done: CaseDone) -> Withdrawn:
    return done.withdrawn or Withdrawn(found=Found())

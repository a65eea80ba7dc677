"""Sign a version, and verify one: the same function at promotion, at staging and right before a load."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.signing.envelope import open_envelope, payload_of, sign_statement
from activities.signing.pickles import refuse_pickles
from activities.signing.statements import EVALUATION, PROVENANCE, Statement, evaluation, measured, provenance
from activities.signing.verifier import AllOf, Evidence, Policy, Stated
from activities.signing.weights import sign_directory, verify_directory
from assay.contracts.base import Digest, Reference
from assay.contracts.errors import IntegrityRefused, NotFound
from assay.contracts.promotion import PinnedPromotion, SignedVersion
from registry import BlobStore, Registry
from serving.adapters import AdapterStore

REQUIRED: Final[Policy] = AllOf([Stated(PROVENANCE), Stated(EVALUATION)])


@dataclass(frozen=True)
class VerifiedVersion:
    """What was checked: the digest of the bytes, and the verified statements about it."""

    digest: Digest
    statements: tuple[Statement, ...]


def verify_version(
    registry: Registry,
    digest: Digest,
    public_key: Path,
    *,
    tenant: str,
    model: str,
    directory: Path | None = None,
    policy: Policy = REQUIRED,
) -> VerifiedVersion:
    """Check signature, statements and standing of a registered version of one model.

    With `directory`, the bytes there are checked (an engine is about to read them); without, those in the store.

    Raises NotFound (`VERSION_UNKNOWN`), IntegrityRefused (`VERSION_QUARANTINED`, `SIGNATURE_INVALID`,
    `STATEMENT_INVALID`, `STATEMENT_MISSING`, `DIGEST_MISMATCH`), Unavailable.
    """
    record = registry.versions.get(digest, tenant=tenant, model=model)
    if record.quarantined:
        raise IntegrityRefused("VERSION_QUARANTINED", f"{digest} is quarantined", "use another version")
    found = verify_files(registry.blobs, record.signed, public_key, directory=directory)
    if found != digest:
        raise IntegrityRefused("DIGEST_MISMATCH", f"{digest} is signed as {found}", "promote the version again")
    statements = tuple(open_envelope(registry.blobs.get(ref), public_key) for ref in record.statements)
    policy.check(Evidence(digest, statements))
    return VerifiedVersion(digest, statements)


def verify_files(blobs: BlobStore, signed: SignedVersion, public_key: Path, *, directory: Path | None = None) -> Digest:
    """Check the signature of a version over its files; returns the root digest that was found.

    Raises IntegrityRefused (`SIGNATURE_INVALID`, `BLOB_TAMPERED`), NotFound (`BLOB_UNKNOWN`), Unavailable.
    """
    signature = blobs.get(signed.signature)
    if directory is not None:
        return verify_directory(directory, signature, public_key)
    with tempfile.TemporaryDirectory() as scratch:
        return verify_directory(blobs.fetch_tree(signed.files, Path(scratch) / "files"), signature, public_key)


def sign_chosen(registry: Registry, request: PinnedPromotion, home: Path, private_key: Path) -> SignedVersion:
    """Sign the chosen adapter from its immutable directory, attest provenance and evaluation, store all.

    What is signed already, by this version's registration, is kept; the same facts are never attested twice.

    Raises IntegrityRefused (`ADAPTER_TAMPERED`, `ADAPTER_PICKLE`, `RUN_DIFFERS`, `EVALUATION_DIFFERS`,
    `SIGNING_FAILED`), NotFound (`RUN_UNKNOWN`, `REPORT_UNKNOWN`), Unavailable.
    """
    chosen = request.evaluation.chosen
    run = registry.runs.get(request.training.run_id)
    recorded = registry.evaluations.get(request.evaluation.report.sha256).result
    if (run.result, run.request.tenant, run.request.model) != (request.training, request.tenant, request.model):
        raise IntegrityRefused(
            "RUN_DIFFERS", "the run in the request is not the one on record", "promote by the id of a finished run"
        )
    if recorded.chosen != chosen or measured(recorded) != measured(request.evaluation):
        # What is signed is what was measured, not what somebody who starts a promotion says was measured.
        raise IntegrityRefused(
            "EVALUATION_DIFFERS",
            "the evaluation in the request is not the one on record under its report",
            "promote with the result that the Evaluation workflow returned",
        )
    directory = AdapterStore(home, registry.blobs).materialise(chosen.adapter, chosen.files)
    refuse_pickles(directory)
    known = _registered(registry, request)
    facts = (provenance(request, run.request), evaluation(request))
    if known is not None and _says(registry.blobs, known) == {statement.payload() for statement in facts}:
        return known
    signature = known.signature if known else registry.blobs.put(sign_directory(directory, private_key))
    return SignedVersion(
        digest=chosen.adapter,
        files=chosen.files,
        signature=signature,
        statements=tuple(attest(registry.blobs, statement, private_key) for statement in facts),
    )


def attest(blobs: BlobStore, statement: Statement, private_key: Path) -> Reference:
    """Sign a statement and store the exact bytes of its envelope."""
    return blobs.put(sign_statement(statement, private_key))


def _registered(registry: Registry, request: PinnedPromotion) -> SignedVersion | None:
    try:
        record = registry.versions.get(request.evaluation.chosen.adapter, tenant=request.tenant, model=request.model)
    except NotFound:
        return None
    return record.signed if record.files == request.evaluation.chosen.files else None


def _says(blobs: BlobStore, signed: SignedVersion) -> set[bytes]:
    """Payloads of the statements of a version; only compared, so their signatures do not matter here."""
    return {payload_of(blobs.get(reference)) for reference in signed.statements}

"""Sign and verify a directory of weights in the OpenSSF Model Signing format.

`model_signing verify key DIR --signature FILE --public_key KEY` checks the same signature without Assay. The signature
is kept beside the directory, never in it: a file inside would have to be excepted from what is signed.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from model_signing import hashing, signing, verifying
from model_signing.hashing import PathLike
from model_signing.manifest import Manifest

from assay.contracts.base import Digest
from assay.contracts.errors import AssayError, IntegrityRefused
from registry.root_digest import root_of, tree_files

REMEDY = "fetch the files again from the registry; when that does not help, promote the version again"


def sign_directory(directory: Path, private_key: Path) -> bytes:
    """Signature (a Sigstore bundle, JSON) over every file of `directory`. `private_key`: EC P-256, PEM.

    Raises IntegrityRefused (`SIGNING_FAILED`, `TREE_SYMLINK`, `TREE_EMPTY`).
    """
    files, hashed = tree_files(directory), _Remembered()
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "model.sig"
        try:
            signer = signing.Config()  # type: ignore[no-untyped-call]  # its initialiser is not annotated
            signer.set_hashing_config(hashed).use_elliptic_key_signer(private_key=private_key).sign(directory, target)
        except (ValueError, OSError, TypeError) as error:
            raise IntegrityRefused("SIGNING_FAILED", f"cannot sign {directory.name}: {error}", REMEDY) from error
        signature = target.read_bytes()
    if hashed.digests.keys() != files.keys() or signed_digest(signature) != root_of(hashed.digests):
        # The library leaves `.git*` files out; an unsigned file beside weights is what we refuse.
        raise IntegrityRefused("SIGNING_FAILED", f"{directory.name} holds a file that is not signed", REMEDY)
    return signature


def verify_directory(directory: Path, signature: bytes, public_key: Path) -> Digest:
    """Check that `signature` is by `public_key` over exactly the files of `directory`; returns their root digest.

    Raises IntegrityRefused (`SIGNATURE_INVALID`, `TREE_SYMLINK`, `TREE_EMPTY`).
    """
    files, hashed = tree_files(directory), _Remembered()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "model.sig"
        source.write_bytes(signature)
        try:
            verifier = verifying.Config()  # type: ignore[no-untyped-call]  # its initialiser is not annotated
            verifier.set_hashing_config(hashed).use_elliptic_key_verifier(public_key=public_key).verify(
                directory, source
            )
        except AssayError:
            raise
        # The library raises bare ValueErrors, KeyErrors of missing fields, and exceptions of its parsers.
        except Exception as error:
            why = "it is by another key" if isinstance(error, InvalidSignature) else str(error) or type(error).__name__
            raise IntegrityRefused("SIGNATURE_INVALID", f"signature of {directory.name}: {why}", REMEDY) from error
    found = root_of(hashed.digests)
    if hashed.digests.keys() != files.keys() or signed_digest(signature) != found:
        raise IntegrityRefused("SIGNATURE_INVALID", f"{directory.name} holds files that are not signed", REMEDY)
    return found


class _Remembered(hashing.Config):
    """The library's own hashing, by file and SHA-256; keeps what it found, so that nothing is read twice."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # it is not annotated
        self.digests: dict[str, bytes] = {}

    def hash(self, model_path: PathLike, *, files_to_hash: Iterable[PathLike] | None = None) -> Manifest:
        """See the base class."""
        manifest = super().hash(model_path, files_to_hash=files_to_hash)
        self.digests = {one.identifier: one.digest.digest_value for one in manifest.resource_descriptors()}
        return manifest


def signed_digest(signature: bytes) -> Digest:
    """The root digest that a signature names. It says nothing about whether the signature is good.

    Raises IntegrityRefused (`SIGNATURE_MALFORMED`).
    """
    try:
        statement: dict[str, Any] = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))
        return f"sha256:{statement['subject'][0]['digest']['sha256']}"
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise IntegrityRefused("SIGNATURE_MALFORMED", "the signature is no model signature", REMEDY) from error

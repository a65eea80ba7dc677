"""Sign and verify a directory of weights in the OpenSSF Model Signing format.

`model_signing verify key DIR --signature FILE --public_key KEY` checks the same signature without Assay. The signature
is kept beside the directory, never in it: a file inside would have to be excepted from what is signed.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from model_signing import signing, verifying

from assay.contracts.base import Digest
from assay.contracts.errors import AssayError, IntegrityRefused
from registry.root_digest import root_digest

REMEDY = "fetch the files again from the registry; when that does not help, promote the version again"


def sign_directory(directory: Path, private_key: Path) -> bytes:
    """Signature (a Sigstore bundle, JSON) over every file of `directory`. `private_key`: EC P-256, PEM.

    Raises IntegrityRefused (`SIGNING_FAILED`, `TREE_SYMLINK`, `TREE_EMPTY`).
    """
    expected = root_digest(directory)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "model.sig"
        try:
            signer = signing.Config()  # type: ignore[no-untyped-call]  # its initialiser is not annotated
            signer.use_elliptic_key_signer(private_key=private_key).sign(directory, target)
        except (ValueError, OSError, TypeError) as error:
            raise IntegrityRefused("SIGNING_FAILED", f"cannot sign {directory.name}: {error}", REMEDY) from error
        signature = target.read_bytes()
    if signed_digest(signature) != expected:
        # The library leaves `.git*` files out; an unsigned file beside weights is what we refuse.
        raise IntegrityRefused("SIGNING_FAILED", f"{directory.name} holds a file that is not signed", REMEDY)
    return signature


def verify_directory(directory: Path, signature: bytes, public_key: Path) -> Digest:
    """Check that `signature` is by `public_key` over exactly the files of `directory`; returns their root digest.

    Raises IntegrityRefused (`SIGNATURE_INVALID`, `TREE_SYMLINK`, `TREE_EMPTY`).
    """
    found = root_digest(directory)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "model.sig"
        source.write_bytes(signature)
        try:
            verifier = verifying.Config()  # type: ignore[no-untyped-call]  # its initialiser is not annotated
            verifier.use_elliptic_key_verifier(public_key=public_key).verify(directory, source)
        except AssayError:
            raise
        # The library raises bare ValueErrors, KeyErrors of missing fields, and exceptions of its parsers.
        except Exception as error:
            why = "it is by another key" if isinstance(error, InvalidSignature) else str(error) or type(error).__name__
            raise IntegrityRefused("SIGNATURE_INVALID", f"signature of {directory.name}: {why}", REMEDY) from error
    if signed_digest(signature) != found:
        raise IntegrityRefused("SIGNATURE_INVALID", f"{directory.name} holds files that are not signed", REMEDY)
    return found


def signed_digest(signature: bytes) -> Digest:
    """The root digest that a signature names. It says nothing about whether the signature is good.

    Raises IntegrityRefused (`SIGNATURE_MALFORMED`).
    """
    try:
        statement: dict[str, Any] = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))
        return f"sha256:{statement['subject'][0]['digest']['sha256']}"
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise IntegrityRefused("SIGNATURE_MALFORMED", "the signature is no model signature", REMEDY) from error

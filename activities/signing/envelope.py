"""DSSE: the exact bytes of a statement, signed. What was signed is what is stored and what is parsed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import FormatError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # public, but has no __all__

from activities.signing.statements import Statement
from assay.contracts.errors import IntegrityRefused

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
REMEDY: Final = "attest the version again from the registry's facts"


def sign_statement(statement: Statement, private_key: Path) -> bytes:
    """A DSSE envelope (JSON) around the canonical bytes of the statement. `private_key`: EC P-256, PEM."""
    return sign_payload(statement.payload(), private_key)


def sign_payload(payload: bytes, private_key: Path) -> bytes:
    """The same around the bytes of any in-toto statement, as of one with several subjects."""
    key = load_pem_private_key(private_key.read_bytes(), password=None)
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key))
    return json.dumps(envelope.to_dict(), sort_keys=True).encode()


def open_envelope(envelope: bytes, public_key: Path) -> Statement:
    """The statement in an envelope, once its signature is verified.

    Raises IntegrityRefused (`STATEMENT_INVALID`): another key, changed bytes, no envelope, no statement.
    """
    key = SSlibKey.from_crypto(load_pem_public_key(public_key.read_bytes()))
    try:
        opened = Envelope.from_dict(json.loads(envelope))
        if opened.payload_type != PAYLOAD_TYPE:
            raise ValueError(f"payload type {opened.payload_type}")
        opened.verify([key], threshold=1)
        return Statement.parse(opened.payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError, VerificationError) as error:
        raise IntegrityRefused("STATEMENT_INVALID", f"a statement does not verify: {error}", REMEDY) from error


def payload_of(envelope: bytes) -> bytes:
    """The bytes inside, unverified: for comparing with what would be signed, never for believing.

    Raises IntegrityRefused (`STATEMENT_INVALID`).
    """
    try:
        return Envelope.from_dict(json.loads(envelope)).payload
    except (ValueError, KeyError, TypeError, RecursionError, FormatError) as error:
        raise IntegrityRefused("STATEMENT_INVALID", "a statement's envelope cannot be read", REMEDY) from error

"""Check an erasure receipt with other people's tools alone: `python examples/verify_receipt.py FOLDER`.

FOLDER is what `assay erase receipt CASE --out FOLDER` wrote. Needs securesystemslib and cryptography, and nothing of
Assay.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # public, but has no __all__


def main(folder: Path) -> None:
    """Print what was withdrawn, destroyed and verified; exits with 1 and a sentence when it does not verify."""
    try:
        public = load_pem_public_key((folder / "signing.pub.pem").read_bytes())
        envelope = Envelope.from_dict(json.loads((folder / "receipt.dsse.json").read_bytes()))
        envelope.verify([SSlibKey.from_crypto(public)], threshold=1)
        statement = json.loads(envelope.payload)
    except (OSError, ValueError, KeyError, UnsupportedAlgorithm, VerificationError) as error:
        raise SystemExit(f"the receipt does not verify: {type(error).__name__}: {error}") from error
    if statement["predicateType"] != "urn:assay:predicate:erasure:v1" or statement["predicate"]["verified"]["found"]:
        raise SystemExit("this is no receipt of an erasure that is complete")
    print(json.dumps(statement["predicate"], indent=2))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python examples/verify_receipt.py FOLDER")
    main(Path(sys.argv[1]))

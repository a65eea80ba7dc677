"""Check an erasure receipt with other people's tools alone: `python examples/verify_receipt.py FOLDER`.

FOLDER is what `assay erase receipt CASE --out FOLDER` wrote. Needs securesystemslib and cryptography, and nothing of
Assay.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # public, but has no __all__


def main(folder: Path) -> None:
    """Print what was withdrawn, destroyed and verified; an exception says that the receipt does not verify."""
    public = load_pem_public_key((folder / "signing.pub.pem").read_bytes())
    envelope = Envelope.from_dict(json.loads((folder / "receipt.dsse.json").read_bytes()))
    envelope.verify([SSlibKey.from_crypto(public)], threshold=1)
    statement = json.loads(envelope.payload)
    if statement["predicateType"] != "urn:assay:predicate:erasure:v1" or statement["predicate"]["verified"]["found"]:
        raise SystemExit("this is no receipt of an erasure that is complete")
    print(json.dumps(statement["predicate"], indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

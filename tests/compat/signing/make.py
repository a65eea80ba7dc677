"""Make the sample of this release: `python tests/compat/signing/make.py FOLDER`. Samples are never made again."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from activities.signing.envelope import sign_statement
from activities.signing.statements import PROVENANCE, Statement, Subject
from activities.signing.weights import sign_directory, signed_digest
from stack.keys import ensure_keys


def make(folder: Path) -> None:
    """A small adapter, its signature, a statement over its digest, and the public key; the private one is not kept."""
    adapter = folder / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text('{"r": 16}\n', encoding="utf-8")
    (adapter / "adapter_model.safetensors").write_bytes(bytes(range(256)))
    keys = ensure_keys(folder)
    private = keys / "signing.pem"
    (keys / "signing.pub.pem").rename(folder / "signing.pub.pem")
    signature = sign_directory(adapter, private)
    (folder / "model.sig").write_bytes(signature)
    subject = Subject(name="acme/helpdesk", digest={"sha256": signed_digest(signature).removeprefix("sha256:")})
    said = Statement(subject=(subject,), predicate_type=PROVENANCE, predicate={"buildDefinition": {}})
    (folder / "statement.dsse.json").write_bytes(sign_statement(said, private))
    shutil.rmtree(keys)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

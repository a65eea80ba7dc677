"""Build the policy bundle: one signed archive whose revision is the digest of what is in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.policy.opa import find_opa
from assay.contracts.base import canonical_digest
from assay.contracts.errors import InputRefused

POLICIES: Final = Path(__file__).parents[2] / "policies"
TESTS: Final = "*_test.rego"
ALGORITHM: Final = "ES256"


@dataclass(frozen=True)
class Bundle:
    """A built bundle. `revision` stands in its manifest and in every decision it makes."""

    path: Path
    revision: str


def policy_revision(policies: Path = POLICIES) -> str:
    """`sha256:<hex>` over the relative names and bytes of the rules and data that ship (tests do not)."""
    files = [path for path in policies.rglob("*") if path.is_file() and not path.match(TESTS)]
    return canonical_digest(
        {path.relative_to(policies).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    )


def build_bundle(target: Path, signing_key: Path, *, policies: Path = POLICIES, opa: Path | None = None) -> Bundle:
    """Write the signed bundle to `target`, replacing it whole. `signing_key` is an EC P-256 key in PEM.

    Raises InputRefused (`POLICIES_MALFORMED`, with what OPA says), NotFound (no usable OPA).
    """
    revision = policy_revision(policies)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as scratch:
        built = Path(scratch) / "bundle.tar.gz"
        command: list[str | Path] = [
            (opa or find_opa()).resolve(),
            "build",
            "--bundle",
            ".",
            "--ignore",
            TESTS,
            "--revision",
            revision,
        ]
        command += ["--signing-key", signing_key.resolve(), "--signing-alg", ALGORITHM, "--output", built.resolve()]
        # Run inside the folder, so that no path of this machine is written into the archive.
        done = subprocess.run(command, cwd=policies, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise InputRefused(
                "POLICIES_MALFORMED", f"opa build: {done.stderr.strip()}", "run `opa check --strict -b policies`"
            )
        os.replace(built, target)
    return Bundle(path=target, revision=revision)

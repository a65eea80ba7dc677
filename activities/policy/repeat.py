"""A decision made again from its stored question and the bundle of its revision, with nothing but `opa`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Protocol

from activities.policy.opa import find_opa
from assay.contracts.base import Reference
from assay.contracts.errors import PolicyUndefined
from assay.contracts.policy import Decision


class Fetches(Protocol):
    """The blob store."""

    def fetch_file(self, reference: Reference, target: Path) -> Path:
        """Raises NotFound, IntegrityRefused, Unavailable."""
        ...


def repeat(decision: Decision, blobs: Fetches, bundle: Path) -> dict[str, Any]:
    """The whole document of the gate, as it was answered then: a stored decision keeps only its verdict.

    Raises PolicyUndefined (`POLICY_UNDEFINED`), NotFound (no usable OPA; the question is gone), IntegrityRefused.
    """
    with tempfile.TemporaryDirectory(prefix="assay-repeat-") as scratch:
        question = blobs.fetch_file(decision.input, Path(scratch, "input.json"))
        command = [str(find_opa()), "eval", "--bundle", str(bundle), "--input", str(question), "--format", "json"]
        command.append(f"data.assay.{decision.gate}.decision")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    try:
        document = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    except (ValueError, LookupError) as error:
        raise PolicyUndefined(
            "POLICY_UNDEFINED",
            f"{bundle.name} answers the {decision.gate} gate without a result",
            "check that it is the bundle of the decision's policy_revision",
        ) from error
    return dict(document)

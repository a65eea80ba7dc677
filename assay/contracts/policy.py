"""Gates: what a workflow must obtain before it goes on, and what comes back."""

from __future__ import annotations

from typing import Literal

from assay.contracts.base import Message, Reference

Gate = Literal[
    "intake",
    "licences",
    "training",
    "review",
    "release",
    "routes",
    "data_review",
    "data_approval",
    "erasure",
    "mentions",
]


class Violation(Message):
    """One reason for a no. `code` is the same in Rego metadata, in errors and in the documentation."""

    code: str
    msg: str
    remedy: str
    overridable: bool = False


class Decision(Message):
    """What the policy engine answered about one exact input under one exact bundle revision."""

    gate: Gate
    allow: bool
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()
    decision_id: str
    policy_revision: str
    input: Reference
    """The stored input document: `opa eval --input` of these bytes against that bundle repeats the decision."""

"""What must have been said about a version, as small policies that compose.

An empty set of policies would be satisfied by anything, so it is refused when it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from activities.signing.statements import Statement
from assay.contracts.base import Digest
from assay.contracts.errors import AssayError, InputRefused, IntegrityRefused

REMEDY = "promote the version again; statements are signed there"


@dataclass(frozen=True)
class Evidence:
    """Verified statements, and the digest that they must be about."""

    digest: Digest
    statements: Sequence[Statement]


class Policy(Protocol):
    """Accepts evidence by returning, refuses it by raising IntegrityRefused."""

    def check(self, evidence: Evidence) -> None:
        """Raises IntegrityRefused."""


@dataclass(frozen=True)
class Stated:
    """A statement of this type stands over exactly this digest; `where` may ask more of its predicate."""

    predicate_type: str
    where: Callable[[Statement], bool] = lambda _: True

    def check(self, evidence: Evidence) -> None:
        """Raises IntegrityRefused (`STATEMENT_MISSING`)."""
        for statement in evidence.statements:
            same = statement.predicate_type == self.predicate_type and statement.subject_digest == evidence.digest
            if same and self.where(statement):
                return
        raise IntegrityRefused(
            "STATEMENT_MISSING", f"no {self.predicate_type} that fits stands over {evidence.digest}", REMEDY
        )


class AllOf:
    """Every policy accepts."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = _some(policies)

    def check(self, evidence: Evidence) -> None:
        """Raises the first refusal."""
        for policy in self._policies:
            policy.check(evidence)


class AnyOf:
    """At least one policy accepts."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = _some(policies)

    def check(self, evidence: Evidence) -> None:
        """Raises IntegrityRefused (`NO_POLICY_ACCEPTS`) with every reason."""
        reasons = []
        for policy in self._policies:
            try:
                policy.check(evidence)
            except AssayError as error:
                reasons.append(error.message)
            else:
                return
        raise IntegrityRefused("NO_POLICY_ACCEPTS", "; ".join(reasons), REMEDY)


def _some(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    if not policies:
        raise InputRefused("POLICY_SET_EMPTY", "an empty set of policies accepts everything", "name a policy")
    return tuple(policies)

"""How a gate is asked, whoever answers: the policy client, or a stand-in that a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from assay.contracts.policy import Decision, Gate


class Answered(Protocol):
    """What a gate says: the decision, and its whole document."""

    @property
    def decision(self) -> Decision: ...

    @property
    def document(self) -> Mapping[str, Any]: ...


class Asks(Protocol):
    """The policy client."""

    def decide(self, gate: Gate, facts: dict[str, Any]) -> Answered:
        """Raises PolicyUndefined, Unavailable."""
        ...

"""What the intake gate says of rows. Rows with the same facts get one answer: it is asked once for all of them.

The gate is told no text and judges by facts alone, so what it says of a row it would say of every row with its facts.
Of each set one row stands for the others; the ledger says which (`asked_as`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from activities.data.dpia import Assessment
from activities.data.facts import question
from activities.data.redaction import Treatment
from activities.policy.asking import Answered, Asks
from assay.contracts.data import Source
from assay.contracts.errors import PolicyRefused, PolicyUndefined
from assay.contracts.policy import Decision, Violation
from assay.contracts.screening import IntakeKey

BATCH: Final = 500
"""Rows a question: a stored decision stays small enough to read, and asking costs little beside scanning."""


class Verdict(BaseModel):
    """What becomes of a row. `treatments` by kind of finding; a kind that is absent is redacted."""

    model_config = ConfigDict(extra="forbid")

    row_id: str
    action: Literal["accept", "redact", "quarantine", "refuse"]
    violations: list[Violation]
    treatments: dict[str, Treatment] = Field(default_factory=dict)

    @property
    def codes(self) -> tuple[str, ...]:
        """Of its violations, sorted."""
        return tuple(sorted({violation.code for violation in self.violations}))


_VERDICTS: Final = TypeAdapter(list[Verdict])


@dataclass
class Question:
    """The intake gate, asked about rows of one source at one time. `decisions` are those it has given."""

    gate: Asks
    intake: IntakeKey
    source: Source
    assessment: Assessment | None
    now: datetime
    decisions: list[Decision] = field(default_factory=list)

    def admits(self) -> bool:
        """Whether the source itself may enter, whatever its rows. Raises PolicyUndefined, Unavailable, InputRefused."""
        return self._asked([]).decision.allow

    def verdicts(self, facts: Sequence[dict[str, Any]], *, admitted: bool) -> dict[str, Verdict]:
        """By row id. Fails closed: a source that was not allowed refuses every row, whatever stands beside it.

        Raises PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), PolicyUndefined (`INTAKE_MALFORMED`),
        Unavailable.
        """
        found: dict[str, Verdict] = {}
        for batch in _batched(facts):
            answer = self._asked(batch)
            self._refuse_change(answer.decision, admitted=admitted)
            found |= _verdicts(answer)
        return found

    def still(self, *, admitted: bool) -> None:
        """Refuse when the gate says something else of the source now than it did.

        Raises PolicyRefused (`DPIA_EXPIRED`, `SOURCE_ADMISSION_CHANGED`), PolicyUndefined, Unavailable.
        """
        self._refuse_change(self._asked([]).decision, admitted=admitted)

    def _asked(self, rows: list[dict[str, Any]]) -> Answered:
        facts = question(self.intake, self.source, self.assessment, rows, self.now)
        answer = self.gate.decide("intake", facts)
        self.decisions.append(answer.decision)
        return answer

    def _refuse_change(self, decision: Decision, *, admitted: bool) -> None:
        """Rows of one source are judged under one answer about it: otherwise half of them would enter."""
        if decision.allow == admitted:
            return
        codes = sorted({violation.code for violation in decision.violations})
        if "DPIA_MISSING" in codes:
            raise PolicyRefused(
                "DPIA_EXPIRED",
                f"source {self.source.name} had its assessment when it was read, and has none in force any more",
                "have the system assessed again, and start the intake anew; nothing of it was accepted",
            )
        raise PolicyRefused(
            "SOURCE_ADMISSION_CHANGED",
            f"policy says something else of source {self.source.name} than when it was read: {codes or 'allowed'}",
            "start the intake anew: it is judged under one policy as a whole; nothing of it was accepted",
        )


def _batched(facts: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    left = iter(facts)
    while batch := list(islice(left, BATCH)):
        yield batch


def _verdicts(answer: Answered) -> dict[str, Verdict]:
    try:
        verdicts = {v.row_id: v for v in _VERDICTS.validate_python(answer.document.get("rows"))}
    except ValidationError as error:
        raise PolicyUndefined(
            "INTAKE_MALFORMED",
            "the intake gate's answer has no verdict list",
            "check that OPA runs this version's bundle",
        ) from error
    if answer.decision.allow:
        return verdicts
    reasons = list(answer.decision.violations)
    return {i: Verdict(row_id=i, action="refuse", violations=v.violations or reasons) for i, v in verdicts.items()}

"""Data protection impact assessments: a signed statement that a regulated system was assessed, for what and until when.

An assessment is an in-toto statement in a DSSE envelope, as all evidence of the house is. Its subject is the system of
record that was assessed (an export of tomorrow is covered too), named by the digest of its name.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from activities.signing.envelope import open_envelope, sign_statement
from activities.signing.statements import Statement, Subject
from assay.contracts.base import Person, Reference
from assay.contracts.data import Purpose, Source
from assay.contracts.errors import IntegrityRefused

PREDICATE: Final = "urn:assay:predicate:dpia:v1"
REMEDY: Final = "attach the assessment of this system of record, signed with this installation's key"


class Assessment(BaseModel):
    """What an assessment says. `document` holds the risks and the measures against them, word by word."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    valid_until: AwareDatetime
    scope: tuple[Purpose, ...] = Field(min_length=1)
    assessor: Person | None = None
    issued_at: AwareDatetime | None = None
    document: Reference | None = None
    system: str | None = Field(default=None, description="set where it is read: the statement's subject says it")
    others: tuple[Assessment, ...] = Field(default=(), description="of further systems behind the same source")

    def each(self) -> tuple[Assessment, ...]:
        """This one and the others."""
        return (self, *self.others)

    def in_force(self, now: datetime) -> bool:
        """Whether it holds at this time."""
        return (self.issued_at is None or self.issued_at <= now) and now < self.valid_until


class Blobs(Protocol):
    """Where assessments are kept."""

    def get(self, what: Reference) -> bytes:
        """Bytes with that digest. Raises NotFound, IntegrityRefused, Unavailable."""
        ...


def sign_assessment(system: str, assessment: Assessment, private_key: Path) -> bytes:
    """The envelope to put into the blob store and to name in `Source.dpia`."""
    return sign_statement(
        Statement(
            subject=(Subject(name=system, digest={"sha256": _named(system)}),),
            predicate_type=PREDICATE,
            predicate=assessment.model_dump(mode="json", exclude_none=True, exclude={"system", "others"}),
        ),
        private_key,
    )


def read_assessment(source: Source, blobs: Blobs, public_key: Path) -> Assessment | None:
    """The verified assessments of a source as one, which ends when the first of them does; None when it has none.

    Whether they are enough, and of all systems that need one, policy says.

    Raises IntegrityRefused (`STATEMENT_INVALID`, `DPIA_OF_ANOTHER_SYSTEM`), NotFound (`BLOB_UNKNOWN`).
    """
    attached = (*((source.dpia,) if source.dpia else ()), *source.assessments)
    found = [assessment_of(blobs.get(reference), public_key) for reference in attached]
    if any(system not in source.systems for system, _ in found):
        raise IntegrityRefused(
            "DPIA_OF_ANOTHER_SYSTEM", f"a statement is no assessment of a system of source {source.name}", REMEDY
        )
    each = [one.model_copy(update={"system": system}) for system, one in found]
    if not each:
        return None
    ends = min(one.valid_until for one in each)
    return each[0].model_copy(update={"valid_until": ends, "others": tuple(each[1:])})


def assessment_of(envelope: bytes, public_key: Path) -> tuple[str, Assessment]:
    """The system that was assessed, and what was said of it, once the signature is verified.

    Raises IntegrityRefused (`STATEMENT_INVALID`, `DPIA_OF_ANOTHER_SYSTEM`).
    """
    statement = open_envelope(envelope, public_key)
    subject = statement.subject[0]
    if statement.predicate_type != PREDICATE or subject.digest != {"sha256": _named(subject.name)}:
        raise IntegrityRefused("DPIA_OF_ANOTHER_SYSTEM", "the statement is no assessment of a system", REMEDY)
    try:
        return subject.name, Assessment.model_validate(statement.predicate)
    except ValidationError as error:
        raise IntegrityRefused("STATEMENT_INVALID", "the assessment lacks a date or a scope", REMEDY) from error


def _named(system: str) -> str:
    return hashlib.sha256(system.encode()).hexdigest()

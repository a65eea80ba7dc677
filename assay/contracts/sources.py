"""A source's contract: what its owner states once, in `sources/NAME.yaml`, and every intake from it goes by.

name, owner, system      who answers for which system of record
uri, format, mapping     where the rows are and how they are read
licence, legal_basis, purposes, consent …   under which terms they may be used
"""

from __future__ import annotations

from typing import Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from assay.contracts.data import Source

SCHEMA_ID: Final = "urn:assay:schema:source:v1"


class SourceContract(Source):
    """The terms of a source, as its owner states them; what a request may leave out, a contract may not.

    Paths are taken from where the command runs.
    """

    model_config = ConfigDict(json_schema_extra={"$id": SCHEMA_ID, "title": "Source contract"})

    description: str = Field(default="", max_length=4096, description="for people; no term")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.people == "real" and self.legal_basis in (None, "no-personal-data"):
            raise ValueError("rows about real people need the `legal_basis` on which they are processed")
        if self.consent == "granted" and self.legal_basis not in ("consent", "no-personal-data", None):
            raise ValueError("`consent: granted` is the legal basis `consent`; another basis has another consent state")
        if (self.consent == "contract" or self.improves_shared_models) and not self.contract_clause:
            raise ValueError("what a contract grants needs the `contract_clause` that grants it")
        if self.regulated and self.dpia is None:
            raise ValueError("a regulated system needs its assessment: `dpia`")
        return self

    def to_source(self, **changes: Any) -> Source:  # noqa: ANN401  # any field of a source
        """What an intake asks for; `changes` (`sha256`, say) are checked like everything else."""
        stated = self.model_dump(exclude={"description"}, exclude_unset=True)
        return Source.model_validate({**stated, **changes})


def contract_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a contract, for editors and other checkers."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SourceContract.model_json_schema()}

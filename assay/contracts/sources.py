"""A source's contract: what its owner states once, in `sources/NAME.yaml`, and every intake from it goes by.

name, owner, system      who answers for which system of record
uri, format, mapping     where the rows are and how they are read
licence, legal_basis, purposes, consent …   under which terms they may be used
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import ConfigDict, Field

from assay.contracts.data import Rule, Source

SCHEMA_ID: Final = "urn:assay:schema:source:v1"


class SourceContract(Source):
    """The terms of a source, as its owner states them; what a request may leave out, a contract may not.

    Paths are taken from where the command runs.
    """

    model_config = ConfigDict(json_schema_extra={"$id": SCHEMA_ID, "title": "Source contract"})

    rules: ClassVar[tuple[Rule, ...]] = (
        *Source.rules,
        Rule(
            field="legal_basis",
            reads=("people", "legal_basis"),
            says="rows about real people need the `legal_basis` on which they are processed",
            remedy="state `legal_basis`, or `people: fictional` or `public` where nobody private is in the rows",
            holds=lambda it: it.people != "real" or it.legal_basis not in (None, "no-personal-data"),
        ),
        Rule(
            field="consent",
            reads=("consent", "legal_basis"),
            says="`consent: granted` is the legal basis `consent`; another basis has another consent state",
            remedy="state `legal_basis: consent`, or the consent state that goes with the basis",
            holds=lambda it: it.consent != "granted" or it.legal_basis in ("consent", "no-personal-data", None),
        ),
        Rule(
            field="contract_clause",
            reads=("consent", "improves_shared_models", "contract_clause"),
            says="what a contract grants needs the `contract_clause` that grants it",
            remedy="name the clause under `contract_clause`",
            holds=lambda it: bool(it.contract_clause) or not (it.consent == "contract" or it.improves_shared_models),
        ),
        Rule(
            field="dpia",
            reads=("regulated", "dpia"),
            says="a regulated system needs its assessment: `dpia`",
            remedy="sign one with `assay dpia sign`, and put the reference that it prints under `dpia`",
            holds=lambda it: not it.regulated or it.dpia is not None,
        ),
    )

    description: str = Field(default="", max_length=4096, description="for people; no term")

    def to_source(self, **changes: Any) -> Source:  # noqa: ANN401  # any field of a source
        """What an intake asks for; `changes` (`sha256`, say) are checked like everything else."""
        stated = self.model_dump(exclude={"description"}, exclude_unset=True)
        return Source.model_validate({**stated, **changes})


def contract_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a contract, for editors and other checkers."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SourceContract.model_json_schema()}

"""What a dataset is made of, told in numbers: its composition, its sheet, how it differs from another."""

from __future__ import annotations

from pydantic import Field
from temporalio import activity

from assay.contracts.base import CodeCount, Digest, Message, Reference, Slug
from assay.contracts.data import Tier


class RowGroup(Message):
    """So many accepted rows have all of this in common."""

    source: Slug
    licence: str
    tier: Tier
    synthetic_depth: int = Field(ge=0)
    kind: Slug
    rows: int = Field(ge=1)


class Part(Message):
    """A named part of a whole. `share` is of the accepted rows unless its place says otherwise."""

    name: str
    count: int = Field(ge=0)
    share: float = Field(ge=0, le=1)


class Lengths(Message):
    """Characters of accepted rows (messages and call arguments). Percentiles are within 1 % (`profile.Histogram`)."""

    rows: int = 0
    smallest: int = 0
    largest: int = 0
    mean: float = 0.0
    p05: int = 0
    p25: int = 0
    p50: int = 0
    p75: int = 0
    p95: int = 0
    p99: int = 0
    bars: tuple[tuple[int, int], ...] = Field(default=(), description="(from this many characters, rows) of a plot")


class FindingFate(Message):
    """One kind of finding: in how many rows it was, how often, and what became of those rows."""

    category: str
    kind: str
    rows: int
    values: int
    outcomes: tuple[Part, ...] = Field(description="of the rows with this finding, by outcome")
    treatments: tuple[CodeCount, ...] = Field(default=(), description="of its values, by treatment")


class Profile(Message):
    """A ledger, added up. Shares are of the rows accepted unless said otherwise; no personal data."""

    read: int = 0
    accepted: int = Field(default=0, description="the redacted ones included")
    outcomes: tuple[Part, ...] = Field(default=(), description="of all rows read")
    codes: tuple[CodeCount, ...] = Field(default=(), description="why rows were refused, set aside or changed")
    sources: tuple[Part, ...] = ()
    licences: tuple[Part, ...] = ()
    refused_licences: tuple[Part, ...] = Field(default=(), description="of the rows that did not enter")
    tiers: tuple[Part, ...] = ()
    languages: tuple[Part, ...] = ()
    kinds: tuple[Part, ...] = ()
    consents: tuple[Part, ...] = ()
    purposes: tuple[Part, ...] = Field(
        default=(), description="a row may grant several, so shares may exceed 1 together"
    )
    depths: tuple[Part, ...] = Field(default=(), description="synthetic depth; 0 is written by people")
    retentions: tuple[Part, ...] = Field(default=(), description="days that a row may be kept")
    lengths: Lengths = Lengths()
    duplicates: int = Field(default=0, description="rows that repeat another one, of all rows read")
    findings: tuple[FindingFate, ...] = ()


class LicenceUse(Message):
    """Rows under one licence expression: how the house complies with it, and what it asks for."""

    expression: str
    rows: int
    outcome: str = Field(description="allowed, allowed with notice, or refused")
    chosen: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    dataset: Digest | None = None


class SourceTerms(Message):
    """Under which terms a source came in, and how much of it is in the dataset."""

    name: Slug
    system: str
    licence: str
    tier: Tier
    consent: str
    legal_basis: str | None
    contract_clause: str | None
    purposes: tuple[str, ...]
    retention_days: int
    regulated: bool
    assessed: bool
    people: str
    improves_shared_models: bool
    synthetic_depth: int
    sha256: Digest | None
    accepted: int
    share: float
    known_gaps: tuple[str, ...] = ()


class Hint(Message):
    """A bias or a gap that the numbers show. `measured` and `bound` are what was compared."""

    code: str
    sentence: str
    measured: float
    bound: float


class Resealed(Message):
    """A case sealed the dataset from another one, without the rows of the case. Rows were judged at the intake."""

    case: str | None = Field(description="None where the manifest does not say it, as those of earlier versions")
    replaces: Digest
    name: str = Field(description="of the replaced dataset: `tenant/name/version`")
    intake: Digest = Field(description="the dataset that the intake made, and whose decisions are those about its rows")


class Datasheet(Message):
    """The sheet of one sealed dataset; the pages are rendered from this alone."""

    dataset: Digest
    tenant: Slug
    name: Slug
    version: int
    purpose: str
    profile: Profile
    sources: tuple[SourceTerms, ...]
    licence_outcome: str | None = Field(default=None, description="None: the licences gate was not asked")
    licences: tuple[LicenceUse, ...] = ()
    policy_revision: str | None = None
    licences_question: Digest | None = Field(default=None, description="stored input of the licences gate's decision")
    licences_of: Digest | None = Field(
        default=None, description="the dataset that the licences gate was asked about, where it is not this one"
    )
    resealed: Resealed | None = None
    subjects: int = Field(description="how many data subjects are named as owners of rows; who is not said")
    synthetic_share: float
    synthetic_depth: int
    hints: tuple[Hint, ...] = ()


class DatasheetJob(Message):
    """Write the sheet of one sealed dataset."""

    dataset: Digest
    once: bool = Field(default=False, description="leave the sheet that there is")


class DatasheetFiles(Message):
    """A stored sheet: its numbers as JSON, and the two pages."""

    numbers: Reference
    markdown: Reference
    html: Reference


@activity.defn
def write_datasheet(job: DatasheetJob) -> DatasheetFiles:
    """Add up the ledger, ask the licences gate, store numbers and pages, link them; the same job twice writes once.

    Raises NotFound (`DATASET_UNKNOWN`), PolicyUndefined, Unavailable.
    """
    raise NotImplementedError

"""Governed data: sources come in, an immutable dataset comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from assay.contracts.base import CodeCount, Digest, Message, Person, Reference, Sentence, Slug, Version

Tier = Literal["human-gold", "curated", "scraped"]
Purpose = Literal["train-tenant-model", "train-shared-model", "evaluate"]
Consent = Literal["granted", "contract", "not-required", "withdrawn", "unknown"]
RowKind = Literal["call", "refusal", "replay", "preference"]
Format = Literal["jsonl", "csv", "parquet", "hf-dataset", "sql"]
Shape = Literal["row", "chat", "sharegpt", "tool-call", "preference", "instruction"]
LegalBasis = Literal[
    "consent",
    "contract",
    "legal-obligation",
    "vital-interests",
    "public-task",
    "legitimate-interests",
    "no-personal-data",
]
"""The six of GDPR article 6(1), and none where there is nobody in the data."""
People = Literal["real", "fictional", "public"]
ENDINGS: Final[dict[str, Format]] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", "/": "hf-dataset"}
PACKED: Final = re.compile(r"\.(gz|bz2|xz|zst|zip)$")
PASSWORD: Final = re.compile(r"://[^/@]*:[^/]*@|[?&](password|passwd|pwd|sslpassword)=", re.IGNORECASE)

OwnersWord = Literal["required", "standing", "none"]
"""Approved anew for each intake, once for all of them until it expires, or not at all."""


class RowMapping(Message):
    """How a source's columns become rows. Left out, the shape is recognised and every column must be known."""

    shape: Shape | None = Field(default=None, description="what the columns hold; recognised when left out")
    kind: RowKind | None = Field(default=None, description="kind of rows that do not state theirs")
    columns: dict[str, str] = Field(default={}, max_length=100, description="field of the shape: column it stands in")
    json_columns: tuple[str, ...] = Field(default=(), max_length=100, description="columns with JSON in a string")
    meta: tuple[str, ...] = Field(default=(), max_length=100, description="columns kept as `meta`, scanned as text")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="of a CSV file")
    ignored: tuple[str, ...] = Field(default=(), max_length=100, description="columns that are not read")


class Rule(NamedTuple):
    """What has to hold of several fields of a source together. `field` is the one to mend."""

    field: str
    reads: tuple[str, ...]
    says: str
    remedy: str
    holds: Callable[[Any], bool]


class Source(Message):
    """Where rows come from and under which terms. A row's own `licence`, `consent`, `purposes` narrow these."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="query",
            reads=("query", "format", "uri"),
            says="a SQL source has a `query`, and no other has one",
            remedy="state the one SELECT that reads the rows, or leave `query` out of a source that is a file",
            holds=lambda source: (source.query is not None) == (source.reads_as == "sql"),
        ),
        Rule(
            field="uri",
            reads=("uri",),
            says="`uri` holds a password: give the data worker the connection, and name it `sql:NAME`",
            remedy="set ASSAY_SQL_NAME in the data worker's environment, write `sql:NAME`, and change the password",
            holds=lambda source: not ("://" in source.uri and PASSWORD.search(source.uri)),
        ),
    )

    name: Slug
    uri: str = Field(max_length=4096, description="path or file URL, or SQLAlchemy URL without a password")
    sha256: Digest | None = Field(default=None, description="refused when the bytes differ")
    system: str = Field(min_length=1, max_length=256, description="the system of record the rows were exported from")
    owner: Person
    licence: str = Field(min_length=1, max_length=1024, description="SPDX expression")
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    consent: Consent
    retention_days: int = Field(gt=0)
    tier: Tier
    known_gaps: tuple[Sentence, ...] = Field(
        default=(), max_length=50, description="biases and gaps its owner knows of"
    )
    regulated: bool = False
    dpia: Reference | None = Field(default=None, description="signed data protection impact assessment")
    synthetic_depth: int = Field(default=0, ge=0, description="0 = by people; n = by a model fed with depth n-1")
    format: Format | None = Field(default=None, description="told by the name when left out")
    mapping: RowMapping = RowMapping()
    query: str | None = Field(default=None, max_length=65536, description="of a SQL source: one SELECT")
    tables: dict[str, str] = Field(default={}, max_length=1000, description="table of the query: system it belongs to")
    derived_from: tuple[str, ...] = Field(default=(), max_length=100, description="systems the rows passed through")
    legal_basis: LegalBasis | None = Field(default=None, description="for processing the personal data in it")
    contract_clause: str | None = Field(default=None, max_length=256, description="clause that grants the use")
    consent_field: str | None = Field(default=None, max_length=256, description="column with each row's own consent")
    improves_shared_models: bool = Field(default=False, description="its customer agreed, in the contract named here")
    people: People = Field(default="real", description="who is in it: `fictional` and `public` are no data subjects")
    assessments: tuple[Reference, ...] = Field(
        default=(), max_length=100, description="assessments of further regulated systems that its rows passed through"
    )
    approval: OwnersWord = Field(default="none", description="whether its owner approves a use before anything is read")

    @property
    def systems(self) -> tuple[str, ...]:
        """Every system of record behind it: its own, those of a query's tables, those that its rows passed through."""
        return tuple(sorted({self.system, *self.tables.values(), *self.derived_from}))

    @property
    def reads_as(self) -> Format:
        """The format that is stated, or that the name tells."""
        if self.format is not None:
            return self.format
        if self.query is not None:
            return "sql"
        name = PACKED.sub("", self.uri.lower())
        return next((form for ending, form in ENDINGS.items() if name.endswith(ending)), "jsonl")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if broken := [rule.says for rule in self.rules if not rule.holds(self)]:
            raise ValueError("; ".join(broken))
        return self


class IntakeRequest(Message):
    """Make one governed dataset for one tenant."""

    tenant: Slug
    dataset: Slug
    version: Version = 1
    sources: tuple[Source, ...] = Field(min_length=1, max_length=200)
    purpose: Purpose = "train-tenant-model"
    suites: tuple[Reference, ...] = Field(
        default=(), max_length=50, description="evaluation suites (JSONL) that its rows must not overlap"
    )
    requested_by: Person


class RowCounts(Message):
    """What became of the rows: read = accepted + quarantined + refused; `accepted` includes the redacted ones."""

    read: int = Field(default=0, ge=0)
    accepted: int = Field(default=0, ge=0)
    redacted: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    refused_by_code: tuple[CodeCount, ...] = ()
    redacted_by_code: tuple[CodeCount, ...] = ()
    quarantined: int = Field(default=0, ge=0, description="set aside until a reviewer releases or refuses them")
    quarantined_by_code: tuple[CodeCount, ...] = ()

    @classmethod
    def total(cls, counts: Iterable[RowCounts]) -> RowCounts:
        """Of several shards or sources together."""
        every = tuple(counts)
        return cls(
            read=sum(c.read for c in every),
            accepted=sum(c.accepted for c in every),
            redacted=sum(c.redacted for c in every),
            refused=sum(c.refused for c in every),
            quarantined=sum(c.quarantined for c in every),
            refused_by_code=_by_code(n for c in every for n in c.refused_by_code),
            redacted_by_code=_by_code(n for c in every for n in c.redacted_by_code),
            quarantined_by_code=_by_code(n for c in every for n in c.quarantined_by_code),
        )


def _by_code(counted: Iterable[CodeCount]) -> tuple[CodeCount, ...]:
    found: dict[str, int] = {}
    for one in counted:
        found[one.code] = found.get(one.code, 0) + one.count
    return tuple(CodeCount(code=code, count=count) for code, count in sorted(found.items()))


class Dataset(Message):
    """An immutable dataset; `id` is the digest of its manifest."""

    id: Digest
    manifest: Reference
    counts: RowCounts


class IntakeProgress(Message):
    """How far the present phase is, by the workflow's clock: it moves when a shard is done."""

    phase: Literal["reading", "scanning", "comparing", "deciding", "sealing"] = "reading"
    rows_done: int = 0
    rows_total: int = Field(default=0, description="of the sources read so far while phase is `reading`")
    rows_per_second: float | None = Field(default=None, description="of this phase; None before its first shard")
    seconds_left: float | None = Field(default=None, description="of this phase, at that rate")

    @classmethod
    def at(cls, phase: str, done: int, total: int, seconds: float) -> IntakeProgress:
        """After so many seconds of the phase."""
        rate = done / seconds if done and seconds > 0 else None
        left = None if rate is None else round((total - done) / rate, 1)
        return cls.model_validate(
            {
                "phase": phase,
                "rows_done": done,
                "rows_total": total,
                "rows_per_second": None if rate is None else round(rate, 1),
                "seconds_left": left,
            }
        )


class IntakeStatus(Message):
    """Where an intake stands, as its `status` query answers."""

    stage: Literal["awaiting owner", "screening", "sealing", "sealed", "refused", "failed"] = "screening"
    sources_done: int = 0
    sources_total: int = 0
    counts: RowCounts = RowCounts()
    progress: IntakeProgress = IntakeProgress()
    dataset: Dataset | None = None
    datasheet: Reference | None = Field(default=None, description="its sheet in Markdown; `assay data sheet` for more")

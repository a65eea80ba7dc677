"""Sealed datasets and the row ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import closing
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Table, and_, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from assay.contracts.base import Digest, Message, Reference
from assay.contracts.data import Dataset, IntakeRequest, Source
from assay.contracts.errors import InputRefused, NotFound
from registry import quarantine, suppression
from registry.batches import batched
from registry.database import Database
from registry.erasure_tables import SuppressionRow
from registry.quarantine import Aside
from registry.tables import DatasetRow, LedgerMentionRow, LedgerRow

VERSION_TAKEN: Final = "DATASET_VERSION_TAKEN"
_LEDGER = cast(Table, LedgerRow.__table__)
_MENTIONS = cast(Table, LedgerMentionRow.__table__)


class LedgerEntry(Message):
    """What became of one row. `ordinal` tells repeated rows of one dataset apart; `subject` is a keyed hash."""

    row_id: Digest
    ordinal: int
    source: str
    outcome: str
    codes: tuple[str, ...] = ()
    licence: str
    consent: str
    tier: str
    subject: str = ""
    mentions: tuple[str, ...] = ()


class DatasetRecord(Message):
    """A dataset as the registry holds it."""

    dataset: Dataset
    request: IntakeRequest
    ledger: Reference
    quarantined: bool

    @property
    def licences(self) -> tuple[str, ...]:
        """Licence expressions of its sources, sorted."""
        return tuple(sorted({source.licence for source in self.request.sources}))


class SealedRecord(DatasetRecord):
    """A dataset, and when it was entered."""

    sealed_at: datetime


class Datasets:
    """Repository of datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        dataset: Dataset,
        request: IntakeRequest,
        ledger: Reference,
        entries: Iterable[LedgerEntry],
        *,
        aside: Aside | None = None,
        beside: Collection[str] | None = None,
    ) -> None:
        """Enter a dataset with one ledger entry for every row, in one transaction; again adds nothing.

        `beside`: other seals of this version that the caller knows of; None where any may be there.

        `aside` is given by an intake: its rows that wait for a reviewer, entered with the dataset or not at all, and
        nobody may be named who is suppressed. An erasure seals what mentions a person and is about another.

        Raises InputRefused: `SUBJECT_SUPPRESSED` when somebody was erased since their rows were screened,
        `DATASET_VERSION_TAKEN` when the version was sealed otherwise since the caller looked.
        """
        row = DatasetRow(
            id=dataset.id,
            tenant=request.tenant,
            name=request.dataset,
            purpose=request.purpose,
            dataset=dataset.model_dump(mode="json"),
            request=request.model_dump(mode="json"),
            ledger=ledger.model_dump(mode="json"),
        )
        with self._database.writing() as session:
            suppression.lock(session, request.tenant)
            if self._database.add_once(session, row):
                if beside is not None:
                    _refuse_taken(session, dataset.id, request, beside)
                for batch in batched(entries):
                    _enter(session, dataset.id, batch)
                _refuse_suppressed(session, dataset.id, request.tenant, named=aside is not None)
            if aside is not None:
                quarantine.enter(session, aside)

    def get(self, id_: str) -> DatasetRecord:
        """Raises NotFound (`DATASET_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.get(DatasetRow, id_)
        if row is None:
            raise NotFound("DATASET_UNKNOWN", f"no dataset {id_}", "`assay data list` has the name and digest of each")
        return _record(row)

    def among(self, ids: Collection[str]) -> dict[str, DatasetRecord]:
        """Those of these datasets that there are, by id."""
        found: dict[str, DatasetRecord] = {}
        with self._database.reading() as session:
            for batch in batched(sorted(ids)):
                rows = session.scalars(select(DatasetRow).where(DatasetRow.id.in_(batch)))
                found |= {row.id: _record(row) for row in rows}
        return found

    def all_of(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[DatasetRecord]]:
        """Every seal of these datasets, given and answered by tenant and name; the oldest first."""
        found: dict[tuple[str, str], list[DatasetRecord]] = {}
        with self._database.reading() as session:
            for batch in batched(sorted(names)):
                query = select(DatasetRow).where(tuple_(DatasetRow.tenant, DatasetRow.name).in_(batch))
                for row in session.scalars(query.order_by(DatasetRow.created_at)):
                    found.setdefault((row.tenant, row.name), []).append(_record(row))
        return found

    def named(self, tenant: str, name: str, version: int) -> DatasetRecord:
        """A tenant's dataset by name and version; of several seals of one version the newest.

        Raises NotFound (`DATASET_UNKNOWN`).
        """
        query = select(DatasetRow).where(DatasetRow.tenant == tenant, DatasetRow.name == name)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(DatasetRow.created_at.desc())).all()
        for row in rows:
            if row.request["version"] == version:
                return _record(row)
        raise NotFound(
            "DATASET_UNKNOWN",
            f"no dataset {tenant}/{name}/{version}",
            "`assay data list` has those that are sealed; an intake or a lifecycle seals one",
        )

    def newest(self, tenant: str, name: str) -> DatasetRecord:
        """The highest version of a tenant's dataset that is not withdrawn; of several seals of it the newest.

        Raises NotFound (`DATASET_UNKNOWN`).
        """
        seals = self.all_named(tenant, name)
        usable = [record for record in seals if not record.quarantined]
        if usable:
            return max(usable, key=lambda record: record.request.version)
        if seals:
            newest = f"{tenant}/{name}/{max(record.request.version for record in seals)}"
            raise NotFound(
                "DATASET_UNKNOWN",
                f"every version of {tenant}/{name} is withdrawn",
                f"name the one that is meant, such as {newest}; `assay data list {tenant}` has them all",
            )
        raise NotFound(
            "DATASET_UNKNOWN",
            f"no version of {tenant}/{name} is sealed",
            "`assay data list` has those that are sealed; an intake or a lifecycle seals one",
        )

    def list(self, tenant: str | None = None) -> tuple[SealedRecord, ...]:
        """Every seal, or those of a tenant, newest first."""
        query = select(DatasetRow).order_by(DatasetRow.created_at.desc(), DatasetRow.id)
        if tenant is not None:
            query = query.where(DatasetRow.tenant == tenant)
        with self._database.reading() as session:
            return tuple(
                SealedRecord(**_record(row).model_dump(), sealed_at=row.created_at) for row in session.scalars(query)
            )

    def all_named(self, tenant: str, name: str) -> tuple[DatasetRecord, ...]:
        """Every seal of a tenant's dataset, newest first."""
        query = select(DatasetRow).where(DatasetRow.tenant == tenant, DatasetRow.name == name)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(DatasetRow.created_at.desc())).all()
        return tuple(_record(row) for row in rows)

    def ledgers_in_use(self, gone: Collection[str] = ()) -> frozenset[str]:
        """Digests of the ledgers of all datasets that are not withdrawn; those in `gone` count as if they were."""
        query = select(DatasetRow.id, DatasetRow.ledger).where(DatasetRow.quarantined.is_(False))
        with self._database.reading() as session:
            return frozenset(ledger["sha256"] for id_, ledger in session.execute(query) if id_ not in gone)

    def with_ledger(self, digest: str) -> frozenset[str]:
        """Datasets whose ledger is this file: intakes of the same rows have one together."""
        query = select(DatasetRow.id).where(DatasetRow.ledger["sha256"].as_string() == digest)
        with self._database.reading() as session:
            return frozenset(session.scalars(query))

    def has_all(self, id_: str, of: str, but: Collection[str] = ()) -> bool:
        """Whether every row that entered the dataset `of` entered this one too, but for some, by id."""
        here, kept = aliased(LedgerRow), ("accepted", "redacted")
        # An anti-join by the primary key; `NOT IN` of a million rows is a scan for each in PostgreSQL.
        same = exists().where(here.dataset == id_, here.row_id == LedgerRow.row_id, here.outcome.in_(kept))
        missing = select(LedgerRow.row_id).where(LedgerRow.dataset == of, LedgerRow.outcome.in_(kept), ~same)
        with (
            self._database.reading() as session,
            closing(session.scalars(missing.execution_options(yield_per=1000))) as rows,
        ):
            return all(row in but for row in rows)

    def has_others(self, id_: str, than: Collection[str]) -> bool:
        """Whether a row entered a dataset that is none of these, by id."""
        kept = select(LedgerRow.row_id).where(LedgerRow.dataset == id_, LedgerRow.outcome.in_(("accepted", "redacted")))
        with (
            self._database.reading() as session,
            closing(session.scalars(kept.execution_options(yield_per=1000))) as rows,
        ):
            return any(row not in than for row in rows)

    def outcomes(self, id_: str) -> dict[str, int]:
        """How many ledger entries of a dataset ended how."""
        query = select(LedgerRow.outcome, func.count()).where(LedgerRow.dataset == id_).group_by(LedgerRow.outcome)
        with self._database.reading() as session:
            return {outcome: int(count) for outcome, count in session.execute(query)}

    def entries(self, row_id: str) -> tuple[tuple[str, LedgerEntry], ...]:
        """Where a row is: (dataset, its entry), oldest dataset first. By index, whatever the size of the ledgers."""
        query = select(LedgerRow).join(DatasetRow, DatasetRow.id == LedgerRow.dataset).where(LedgerRow.row_id == row_id)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(DatasetRow.created_at, LedgerRow.ordinal)).all()
        return tuple((row.dataset, _entry(row)) for row in rows)

    def sources(self, name: str) -> tuple[Source, ...]:
        """Sources of this name, of the newest dataset first, each stated once."""
        with self._database.reading() as session:
            requests = session.scalars(select(DatasetRow.request).order_by(DatasetRow.created_at.desc())).all()
        found = (IntakeRequest.model_validate(request).sources for request in requests)
        return tuple({one.content_digest(): one for sources in found for one in sources if one.name == name}.values())

    def source_uris(self) -> frozenset[str]:
        """Where the rows of all datasets were read from."""
        with self._database.reading() as session:
            requests = session.scalars(select(DatasetRow.request)).all()
        return frozenset(source["uri"] for request in requests for source in request["sources"])

    def subjects(self, id_: str) -> int:
        """How many data subjects are named as owners of rows of a dataset; rows that did not enter are none of it."""
        query = select(func.count(LedgerRow.subject.distinct())).where(
            LedgerRow.dataset == id_, LedgerRow.subject != "", LedgerRow.outcome.in_(("accepted", "redacted"))
        )
        with self._database.reading() as session:
            return int(session.scalar(query) or 0)


def _entry(row: LedgerRow) -> LedgerEntry:
    kept = {name: getattr(row, name) for name in LedgerEntry.model_fields if name not in ("codes", "mentions")}
    return LedgerEntry(**kept, codes=tuple(filter(None, row.codes.split(","))))


def _enter(session: Session, dataset: str, batch: list[LedgerEntry]) -> None:
    rows = [{**e.model_dump(exclude={"mentions"}), "codes": ",".join(e.codes), "dataset": dataset} for e in batch]
    session.execute(_LEDGER.insert(), rows)
    mentions = [
        {"hash": one, "dataset": dataset, "ordinal": e.ordinal, "row_id": e.row_id}
        for e in batch
        for one in dict.fromkeys(e.mentions)
    ]
    if mentions:
        session.execute(_MENTIONS.insert(), mentions)


def _refuse_taken(session: Session, dataset: str, request: IntakeRequest, beside: Collection[str]) -> None:
    """An erasure seals under the next number, which an intake may have begun with, and the other way round."""
    named = select(DatasetRow.id, DatasetRow.request).filter_by(tenant=request.tenant, name=request.dataset)
    for id_, asked in session.execute(named):
        if asked["version"] == request.version and id_ != dataset and id_ not in beside:
            raise InputRefused(
                VERSION_TAKEN,
                f"{request.tenant}/{request.dataset}/{request.version} was sealed meanwhile as {id_}",
                "give the intake, or the lifecycle, the next version",
            )


def _refuse_suppressed(session: Session, dataset: str, tenant: str, *, named: bool) -> None:
    """An erasure that ran beside the intake searched a ledger in which these rows were not yet."""
    entered = (LedgerRow.dataset == dataset, LedgerRow.outcome != "refused")
    on_list = (SuppressionRow.tenant == tenant,)
    owners = select(SuppressionRow.hash).join(LedgerRow, LedgerRow.subject == SuppressionRow.hash)
    found = list(session.scalars(owners.where(*on_list, *entered).limit(1)))
    if named:
        at = and_(LedgerRow.dataset == LedgerMentionRow.dataset, LedgerRow.ordinal == LedgerMentionRow.ordinal)
        people = select(SuppressionRow.hash).join(LedgerMentionRow, LedgerMentionRow.hash == SuppressionRow.hash)
        found += session.scalars(people.join(LedgerRow, at).where(*on_list, *entered).limit(1))
    suppression.refuse(session, tenant, found)


def _record(row: DatasetRow) -> DatasetRecord:
    return DatasetRecord(
        dataset=Dataset.model_validate(row.dataset),
        request=IntakeRequest.model_validate(row.request),
        ledger=Reference.model_validate(row.ledger),
        quarantined=row.quarantined,
    )

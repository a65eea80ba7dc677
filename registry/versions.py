"""Model versions: signed weights with their card, report, run and base."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Select, select

from assay.contracts.base import BasePin, Digest, Message, Reference
from assay.contracts.errors import Conflict, NotFound
from assay.contracts.promotion import CardDraft, PinnedPromotion, PromotionCase, SignedVersion
from registry.database import Database
from registry.lineage import Edge, record, version_name
from registry.tables import VersionRow


class VersionRecord(Message):
    """A registered version."""

    tenant: str
    model: str
    version: int
    signed: SignedVersion
    card: CardDraft
    request: PinnedPromotion
    quarantined: bool

    @property
    def digest(self) -> Digest:
        """Root digest of the adapter."""
        return self.signed.digest

    @property
    def files(self) -> Reference:
        """The stored tree of the adapter."""
        return self.signed.files

    @property
    def signature(self) -> Reference:
        """The OpenSSF Model Signing bundle."""
        return self.signed.signature

    @property
    def statements(self) -> tuple[Reference, ...]:
        """In-toto statements over the same digest."""
        return self.signed.statements

    @property
    def base(self) -> BasePin:
        """The base it was trained on."""
        return self.request.base


class Versions:
    """Repository of model versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, case: PromotionCase) -> None:
        """Register with its lineage; the same weights for the same model again keep the first entry.

        Raises Conflict (`VERSION_TAKEN`) when the version number names other weights.
        """
        request = case.request
        row = VersionRow(
            digest=case.version.digest,
            tenant=request.tenant,
            model=request.model,
            version=request.version,
            signed=case.version.model_dump(mode="json"),
            card=case.card.model_dump(mode="json"),
            request=request.model_dump(mode="json"),
            quarantined=False,
        )
        with self._database.writing() as session:
            added = self._database.add_once(session, row)
            entered = session.get(VersionRow, (row.digest, row.tenant, row.model))
            if entered is None:
                raise Conflict(
                    "VERSION_TAKEN",
                    f"version {row.version} of {row.tenant}/{row.model} is other weights",
                    "take the next version number",
                )
            if added:
                record(self._database, session, _edges(case))

    def get(self, digest: str, *, tenant: str | None = None, model: str | None = None) -> VersionRecord:
        """The version of these weights. Two models may hold the same weights; unless told which, the older entry.

        Raises NotFound (`VERSION_UNKNOWN`).
        """
        query = select(VersionRow).where(VersionRow.digest == digest)
        with self._database.reading() as session:
            row = session.scalars(_narrow(query, tenant, model).order_by(VersionRow.created_at)).first()
        if row is None:
            raise NotFound("VERSION_UNKNOWN", f"no registered version {digest}", "see `assay models`")
        return _record(row)

    def numbered(self, tenant: str, model: str, version: int) -> VersionRecord:
        """The version registered under a number. Raises NotFound (`VERSION_UNKNOWN`)."""
        query = _narrow(select(VersionRow).where(VersionRow.version == version), tenant, model)
        with self._database.reading() as session:
            row = session.scalars(query).first()
        if row is None:
            raise NotFound("VERSION_UNKNOWN", f"no version {version} of {tenant}/{model}", "see `assay models`")
        return _record(row)

    def list(self, *, tenant: str | None = None, model: str | None = None) -> tuple[VersionRecord, ...]:
        """Registered versions, newest first."""
        query = select(VersionRow).order_by(VersionRow.created_at.desc())
        with self._database.reading() as session:
            return tuple(_record(row) for row in session.scalars(_narrow(query, tenant, model)))


def _narrow(query: Select[VersionRow], tenant: str | None, model: str | None) -> Select[VersionRow]:
    if tenant is not None:
        query = query.where(VersionRow.tenant == tenant)
    return query if model is None else query.where(VersionRow.model == model)


def _edges(case: PromotionCase) -> Iterator[Edge]:
    """The signed adapter leads to its version number and its card; runs and reports enter their own edges."""
    request, adapter = case.request, case.version.digest
    for name, kind, relation in (
        (version_name(request.tenant, request.model, request.version), "version", "registered as"),
        (case.card.card.sha256, "card", "described by"),
    ):
        yield Edge(parent=adapter, child=name, relation=relation, parent_kind="adapter", child_kind=kind)


def _record(row: VersionRow) -> VersionRecord:
    return VersionRecord(
        tenant=row.tenant,
        model=row.model,
        version=row.version,
        signed=SignedVersion.model_validate(row.signed),
        card=CardDraft.model_validate(row.card),
        request=PinnedPromotion.model_validate(row.request),
        quarantined=row.quarantined,
    )

"""Model versions: signed weights with their card, report, run and base."""

from __future__ import annotations

from sqlalchemy import select

from assay.contracts.base import BasePin, Digest, Message, Reference
from assay.contracts.errors import NotFound
from assay.contracts.promotion import CardDraft, PromotionCase, PromotionRequest, SignedVersion
from registry.database import Database
from registry.tables import VersionRow


class VersionRecord(Message):
    """A registered version."""

    tenant: str
    model: str
    version: int
    signed: SignedVersion
    card: CardDraft
    request: PromotionRequest
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
        """Register; the same weights for the same model again keep the first entry."""
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
            self._database.add_once(session, row)

    def get(self, digest: str) -> VersionRecord:
        """Raises NotFound (`VERSION_UNKNOWN`)."""
        with self._database.reading() as session:
            row = session.scalars(select(VersionRow).where(VersionRow.digest == digest)).first()
        if row is None:
            raise NotFound("VERSION_UNKNOWN", f"no registered version {digest}", "see `assay models`")
        return _record(row)

    def list(self, *, tenant: str | None = None, model: str | None = None) -> tuple[VersionRecord, ...]:
        """Registered versions, newest first."""
        query = select(VersionRow).order_by(VersionRow.created_at.desc())
        if tenant:
            query = query.where(VersionRow.tenant == tenant)
        if model:
            query = query.where(VersionRow.model == model)
        with self._database.reading() as session:
            return tuple(_record(row) for row in session.scalars(query))


def _record(row: VersionRow) -> VersionRecord:
    return VersionRecord(
        tenant=row.tenant,
        model=row.model,
        version=row.version,
        signed=SignedVersion.model_validate(row.signed),
        card=CardDraft.model_validate(row.card),
        request=PromotionRequest.model_validate(row.request),
        quarantined=row.quarantined,
    )

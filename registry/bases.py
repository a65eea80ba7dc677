"""Base models that adapters may be trained on and served from."""

from __future__ import annotations

from sqlalchemy import Select, select, update

from assay.contracts.base import BasePin, Digest, Message
from assay.contracts.errors import NotFound
from registry.database import Database
from registry.tables import BaseModelRow


class BaseRecord(Message):
    """A base model: its pin, its licence, where its files are, the chat template it is used with."""

    pin: BasePin
    licence: str
    path: str
    template: Digest
    max_context: int


class Bases:
    """Repository of base models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, base: BaseRecord) -> None:
        """Register a base; the same digest again updates where its files are and how it is used."""
        used = {
            "licence": base.licence,
            "path": base.path,
            "template": base.template,
            "max_context": base.max_context,
        }
        row = BaseModelRow(**base.pin.model_dump(), **used)
        with self._database.writing() as session:
            if not self._database.add_once(session, row):
                session.execute(update(BaseModelRow).where(BaseModelRow.digest == base.pin.digest).values(**used))

    def get(self, repository: str) -> BaseRecord:
        """The newest registered revision of a repository. Raises NotFound (`BASE_UNKNOWN`)."""
        newest = select(BaseModelRow).where(BaseModelRow.repository == repository)
        return self._one(newest.order_by(BaseModelRow.created_at.desc()), repository)

    def find(self, name: str) -> BaseRecord:
        """By digest, or the newest revision of a repository. Raises NotFound (`BASE_UNKNOWN`)."""
        return self.by_digest(name) if name.startswith("sha256:") else self.get(name)

    def by_digest(self, digest: str) -> BaseRecord:
        """The base of a digest. Raises NotFound (`BASE_UNKNOWN`)."""
        return self._one(select(BaseModelRow).where(BaseModelRow.digest == digest), digest)

    def _one(self, query: Select[BaseModelRow], name: str) -> BaseRecord:
        with self._database.reading() as session:
            row = session.scalars(query).first()
        if row is None:
            raise NotFound(
                "BASE_UNKNOWN", f"no base model {name} is registered", "`assay up` registers the local one; see its log"
            )
        return BaseRecord(
            pin=BasePin(repository=row.repository, revision=row.revision, digest=row.digest),
            licence=row.licence,
            path=row.path,
            template=row.template,
            max_context=row.max_context,
        )

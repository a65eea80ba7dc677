"""What was destroyed that leaves no key behind, such as weights and samples, and for what: digests, and nobody's."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import update

from registry.database import Database
from registry.erasure_tables import DestroyedRow


class Destroyed:
    """Repository of what was destroyed. What a shard's key was destroyed for stands with the key (`ShardStore`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, digests: Iterable[str], reason: str) -> None:
        """Say for what, such as a case of erasure, these are about to be destroyed. Over what was said before.

        Called before the bytes go, of those that are there: who is killed in between leaves a note on bytes that can
        still be read, and whoever destroys them in the end says so again.
        """
        with self._database.writing() as session:
            for digest in sorted(set(digests)):
                if not self._database.add_once(session, DestroyedRow(digest=digest, reason=reason)):
                    session.execute(update(DestroyedRow).where(DestroyedRow.digest == digest).values(reason=reason))

    def reason(self, digest: str) -> str | None:
        """For what it was destroyed; None where nobody wrote that down."""
        with self._database.reading() as session:
            row = session.get(DestroyedRow, digest)
        return None if row is None else row.reason

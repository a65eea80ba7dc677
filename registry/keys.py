"""API keys of tenants: shown once, stored hashed.

A key is 256 random bits, so one SHA-256 is enough: there is nothing to guess, which is what slow password hashes are
for, and gateways can look a key up in one step.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import select

from assay.contracts.errors import NotFound
from registry.columns import now
from registry.database import Database
from registry.tables import ApiKeyRow


def hash_key(key: str) -> str:
    """SHA-256 of a key, hexadecimal: what is stored and looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Keys:
    """Repository of API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant: str) -> str:
        """A new key for a tenant; this is the only time it is seen."""
        key = f"ak_{secrets.token_urlsafe(32)}"
        with self._database.writing() as session:
            session.add(ApiKeyRow(hash=hash_key(key), tenant=tenant))
        return key

    def hashes(self) -> dict[str, str]:
        """Hash to tenant, of all keys in force: a gateway's snapshot."""
        query = select(ApiKeyRow.hash, ApiKeyRow.tenant).where(ApiKeyRow.revoked_at.is_(None))
        with self._database.reading() as session:
            return {hashed: tenant for hashed, tenant in session.execute(query)}  # noqa: C416  # Row is no tuple type

    def tenant_of(self, key: str) -> str | None:
        """The tenant of a key in force."""
        with self._database.reading() as session:
            row = session.get(ApiKeyRow, hash_key(key))
        return row.tenant if row and row.revoked_at is None else None

    def revoke(self, key: str) -> None:
        """Take a key out of force. Raises NotFound (`KEY_UNKNOWN`)."""
        with self._database.writing() as session:
            row = session.get(ApiKeyRow, hash_key(key))
            if row is None:
                raise NotFound("KEY_UNKNOWN", "no such key", "give the whole key, as it was shown")
            row.revoked_at = row.revoked_at or now()

"""Whether anything is on record of a tenant. Tenants are entered nowhere by themselves: a mistyped one looks like a new
one."""

from __future__ import annotations

from sqlalchemy import select

from registry.columns import Base
from registry.database import Database
from registry.tables import ShardKeyRow


class Tenants:
    """What the tables say of tenants, taken together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, tenant: str) -> bool:
        """Whether any table has an entry of the tenant, or an intake of theirs stages rows now."""
        tables = [table for table in Base.metadata.sorted_tables if "tenant" in table.columns]
        # The first intake of a tenant has entered nothing else yet; its name begins with the tenant's.
        staged = select(ShardKeyRow.id).where(ShardKeyRow.owner.startswith(f"{tenant}/", autoescape=True))
        queries = (*(select(table.c.tenant).where(table.c.tenant == tenant) for table in tables), staged)
        with self._database.reading() as session:
            return any(session.execute(query.limit(1)).first() is not None for query in queries)

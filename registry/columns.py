"""What every table is declared with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

DIGEST = String(71)
SLUG = String(63)
KEY = String(1200)  # a workflow id (1000 at most in Temporal), a run id, a step


def now() -> datetime:
    """The time of an entry, UTC."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A point in time, UTC. SQLite forgets the zone; it is said again when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Both databases give the same, aware."""
        return value.replace(tzinfo=UTC) if value and dialect.name == "sqlite" else value


class Base(DeclarativeBase):
    """Metadata of the registry."""

    type_annotation_map = {dict[str, Any]: JSON, datetime: Moment}  # noqa: RUF012  # SQLAlchemy's form

"""The record of truth. `Registry.open(settings)` is the door; one small repository a concern stands behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from assay.settings import Settings
from registry.approvals import ApprovalRecord, Approvals
from registry.bases import BaseRecord, Bases
from registry.blobs import BlobStore
from registry.database import Database
from registry.datasets import DatasetRecord, Datasets, LedgerEntry, SealedRecord
from registry.decisions import Decisions
from registry.destroyed import Destroyed
from registry.erasures import Erasures
from registry.holds import Holds
from registry.incidents import Incidents
from registry.keys import Keys, hash_key
from registry.lineage import Lineage, Node
from registry.names import Names
from registry.pointers import Pointers
from registry.quarantine import Quarantine, QuarantinedRow, QuarantineRecord
from registry.retention import RetentionRecord, Retentions
from registry.routes import Routes
from registry.runs import EvaluationRecord, Evaluations, RunRecord, Runs
from registry.schema import migrate
from registry.shards import ShardStore
from registry.suppression import Suppression
from registry.versions import VersionRecord, Versions
from registry.withdrawals import Withdrawals

__all__ = [
    "ApprovalRecord",
    "BaseRecord",
    "BlobStore",
    "DatasetRecord",
    "EvaluationRecord",
    "LedgerEntry",
    "Node",
    "QuarantineRecord",
    "QuarantinedRow",
    "Registry",
    "RetentionRecord",
    "RunRecord",
    "SealedRecord",
    "ShardStore",
    "VersionRecord",
    "hash_key",
]


_SCRUBBED: Final = ("ledger_mentions", "quarantine", "quarantine_mentions", "shard_keys")


class Registry:
    """Blobs and tables of one installation."""

    def __init__(self, database: Database, blobs: BlobStore, shard_key: Path) -> None:
        self._database = database
        self.blobs = blobs
        self.shards = ShardStore(database, blobs, shard_key)
        self.bases = Bases(database)
        self.datasets = Datasets(database)
        self.runs = Runs(database)
        self.evaluations = Evaluations(database)
        self.versions = Versions(database)
        self.decisions = Decisions(database)
        self.pointers = Pointers(database)
        self.incidents = Incidents(database)
        self.routes = Routes(database)
        self.keys = Keys(database)
        self.lineage = Lineage(database)
        self.names = Names(database)
        self.withdrawals = Withdrawals(database)
        self.erasures = Erasures(database)
        self.destroyed = Destroyed(database)
        self.suppression = Suppression(database)
        self.holds = Holds(database)
        self.quarantine = Quarantine(database)
        self.retention = Retentions(database)
        self.approvals = Approvals(database)

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Open what the settings name, bringing the schema up to date.

        Raises Unavailable, InputRefused (malformed URL), IntegrityRefused (damaged file), Conflict (newer schema).
        """
        migrate(settings.database)
        key = settings.home / "keys" / "shards.key"
        return cls(Database(settings.database), BlobStore.open(settings.blobs), key)

    def mentions_of(self, values: list[str]) -> tuple[str, ...]:
        """Tables in which one of these values stands in a column or a document; lists of cases, suppressions and holds
        apart."""
        return self._database.tables_with(values, aside=frozenset({"erasure_rows", "suppressions", "holds"}))

    def scrub(self) -> bool:
        """Have the database forget what was deleted from the record of rows; False when it could not yet."""
        done = [self._database.scrub(table) for table in _SCRUBBED]
        return all(done)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

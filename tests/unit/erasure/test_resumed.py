"""Killed after any of its writes, an erasure that is tried again ends as if it had not been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from pyarrow import parquet

from activities.data.ledger import BLANK_ID
from activities.erasure import receipt, resealing, shredding, withdrawing
from assay.contracts.erasure import CaseDone, HoldPlaced, Shredded
from assay.contracts.erasure_totals import counted
from registry import BlobStore, Registry, ShardStore, trees
from registry.database import Database
from registry.datasets import Datasets
from registry.destroyed import Destroyed
from registry.erasures import Erasures
from registry.lineage import Lineage
from registry.quarantine import Quarantine
from registry.withdrawals import Withdrawals
from serving.adapters import AdapterStore

from .made import made_of
from .scene import OTHER, PER_CASE, SUBJECT, asks, column, job, seal, searched, set_aside, sha

T = TypeVar("T")
HELD: Final = "7" * 64
WRITES: Final[dict[str, tuple[Any, str, int]]] = {
    "rows are found": (Erasures, "find", 3),
    "a lineage is withdrawn": (Withdrawals, "withdraw", 2),
    "a shard is stored": (ShardStore, "put_file", 9),
    "the probe is kept": (Erasures, "keep_probe", 5),
    "keys are destroyed": (Database, "scrub", 12),
    "what is destroyed is noted": (Destroyed, "note", 1),
    "bytes are removed": (BlobStore, "remove", 12),
    "lineage is written": (Lineage, "link", 2),
    "a dataset is entered": (Datasets, "add", 1),
    "a ledger is moved": (Erasures, "keep_ledger", 1),
    "quarantined rows are moved": (Quarantine, "moved", 1),
    "an adapter is discarded": (AdapterStore, "discard", 1),
    "a run's folder is removed": (trees, "remove", 1),
    "records are cleared": (Erasures, "clear_records", 1),
    "the case is closed": (Erasures, "close", 1),
}
"""What writes, and how often it is called by an erasure that nobody kills."""
FEW: Final = 5
ENDED: Final[dict[str, Any]] = {
    "found again": (),
    "new dataset": (2, 2, [sha(1), sha(3)]),
    "its origins": [sha(77)],
    "versions": 2,
    "held": [sha(3)],
    "other ledger": [(BLANK_ID, ""), (sha(1), OTHER)],
    "waiting": (sha(5), 0, True),
    "learnt": set(),
    "destroyed for": {"acme.51d0e2aa17cc"},
    "plain": True,
    "folders": [],
    "shredded": (4, 4, 2),
    "shards that can be read": 6,
    "entries": 0,
    "receipt": True,
}


class Killed(BaseException):
    """As a process ends: nothing of ours catches it."""


class Killer:
    """Counts calls of what writes, and kills after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.calls: Counter[str] = Counter()
        self.kills = 0

    def watch(self, what: str, kill_after: int | None = None) -> None:
        owner, name, _ = WRITES[what]
        real: Callable[..., Any] = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:  # whatever the real one takes
            answer = real(*args, **options)
            self.calls[what] += 1
            if self.calls[what] == kill_after:
                self.kills += 1
                raise Killed
            return answer

        self._monkeypatch.setattr(owner, name, call)

    def again(self, step: Callable[[], T]) -> T:
        """As Temporal tries an activity again whose worker died."""
        try:
            return step()
        except Killed:
            return step()


def ended(registry: Registry, home: Path, killer: Callable[[], Killer]) -> dict[str, Any]:
    """What stands after an erasure whose rows are in a shard with a held one, a ledger, a queue and an adapter."""
    rows = [
        (1, OTHER, "accepted", asks("the weather number one is asked for here")),
        (2, SUBJECT, "accepted", asks(PER_CASE)),
        (3, HELD, "accepted", asks("a row of somebody who is in a lawsuit")),
    ]
    former = seal(registry, home, rows)
    other = seal(registry, home, [(2, SUBJECT, "refused", asks(PER_CASE)), rows[0]], name="other")
    aside = [(5, OTHER, "quarantined", asks("somebody else waits here")), (6, SUBJECT, "quarantined", asks("x" * 30))]
    queue, _ = set_aside(registry, home, aside)
    made = made_of(registry, home, former.id)
    registry.holds.place(HoldPlaced(tenant="acme", subject=HELD, reason="a lawsuit", actor="leo"))
    registry.lineage.link(sha(77), former.id, "screened", parent_kind="source", child_kind="dataset")

    mine, again, key, now = job(), killer().again, home / "keys" / "signing.pem", datetime.now(UTC)
    withdrawn = again(lambda: withdrawing.withdraw(registry, mine))
    [new] = again(lambda: resealing.reseal(registry, mine))
    shredded: Shredded = again(lambda: shredding.shred(registry, mine, withdrawn, home))
    remains = searched(registry, mine, home)
    done = CaseDone(
        job=mine,
        found=(counted(withdrawn.found),),
        withdrawn=withdrawn,
        shredded=shredded,
        datasets=(new,),
        remains=remains,
        opened=now,
        closed=now,
    )
    signed = again(lambda: receipt.write(registry, done, key))
    assert new.dataset is not None
    ledger = registry.datasets.get(other.id).ledger
    lines = parquet.read_table(registry.shards.fetch_file(ledger, home / "ledger")).to_pylist()
    (home / "ledger").unlink()
    [waiting] = registry.quarantine.all(queue)
    return {
        "found again": remains.found,
        "new dataset": (new.version, new.rows, column(registry, new.dataset, home)),
        "its origins": [node.name for node in registry.lineage.ancestors(new.dataset)],
        "versions": len(registry.datasets.all_named("acme", "support")),
        "held": column(registry, former.id, home),
        "other ledger": [(line["row_id"], line["subject"]) for line in lines],
        "waiting": (waiting.row_id, waiting.ordinal, registry.shards.readable(waiting.shard)),
        "learnt": {one for one in made.learnt if registry.blobs.has(one)},
        "destroyed for": {registry.destroyed.reason(one) for one in (*made.learnt, made.adapter)},
        "plain": all(registry.blobs.has(one) for one in made.plain),
        "folders": [folder for folder in made.folders if folder.exists()],
        "shredded": (len(shredded.shards), shredded.blobs, shredded.ledger_rows),
        "shards that can be read": len(registry.shards.living()),
        "entries": len(registry.erasures.rows(mine.case, mine.request)),
        "receipt": registry.erasures.get(mine.case).receipt == signed.sha256,
    }


def test_what_writes_is_known(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killer = Killer(monkeypatch)

    def begin() -> Killer:
        for what in WRITES:
            killer.watch(what)
        return killer

    assert ended(registry, tmp_path, begin) == ENDED
    assert killer.calls == {what: count for what, (_, _, count) in WRITES.items()}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("what", "number"),
    [
        (what, number)
        for what, (_, _, count) in WRITES.items()
        # Of those that are many every second: between two of them stand writes of another kind.
        for number in range(1, count + 1, 1 if count <= FEW else 2)
    ],
)
def test_after_a_kill_it_ends_as_if_there_had_been_none(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, number: int
) -> None:
    killer = Killer(monkeypatch)

    def begin() -> Killer:
        killer.watch(what, kill_after=number)
        return killer

    assert ended(registry, tmp_path, begin) == ENDED
    assert killer.kills == 1

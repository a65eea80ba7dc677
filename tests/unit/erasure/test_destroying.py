"""Weights, optimizer states, answers of adapters and folders go with the rows that they came from, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.erasure import receipt, resealing, shredding, withdrawing
from assay.contracts.erasure import CaseDone, HoldPlaced
from assay.contracts.erasure_totals import also_shredded
from assay.contracts.errors import Conflict, Unavailable
from registry import Registry

from .made import Made, made_of
from .scene import OTHER, PER_CASE, SUBJECT, asks, column, erase, job, seal, searched, set_aside, sha

WEATHER = asks("the weather number one is asked for here")
ROWS = [(1, OTHER, "accepted", WEATHER), (2, SUBJECT, "accepted", asks(PER_CASE))]


def stored(registry: Registry, made: Made) -> set[str]:
    return {one for one in made.learnt | made.plain if registry.blobs.has(one)}


def test_what_was_learnt_goes_and_what_was_not_stays(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    clean = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS[:1], name="clean").id, "concierge")
    assert stored(registry, made) == made.learnt | made.plain
    mine = job()
    withdrawn, _, shredded = erase(registry, tmp_path, mine)
    assert {made.run, made.checkpoint, made.adapter, made.report} <= {one.name for one in withdrawn.artifacts}
    assert stored(registry, made) == made.plain
    assert not any(folder.exists() for folder in made.folders)
    assert stored(registry, clean) == clean.learnt | clean.plain
    assert all(folder.is_dir() for folder in clean.folders)
    # Weights of adapter and checkpoint, optimizer state, the adapter's answers; a shard and a ledger.
    assert (shredded.blobs, shredded.folders, shredded.ledger_rows) == (4, 2, 1)
    assert len(shredded.shards) == 2
    assert searched(registry, mine, tmp_path).found == ()


def test_destroyed_again_it_says_the_same_and_the_receipt_counts_it_once(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine = job()
    withdrawn, [new], first = erase(registry, tmp_path, mine)
    again = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert again == first.model_copy(update={"folders": 0})
    assert stored(registry, made) == made.plain
    assert column(registry, new.dataset, tmp_path) == [sha(1)]
    opened = registry.erasures.get(mine.case).opened_at
    done = CaseDone(job=mine, withdrawn=withdrawn, shredded=also_shredded(first, again), opened=opened, closed=opened)
    said = receipt.predicate(done)["destroyed"]
    assert said == {
        "shardKeys": list(first.shards),
        "blobs": 4,
        "folders": 2,
        "ledgerEntries": 1,
        "databaseScrubbed": True,
    }


def test_every_model_that_learnt_from_the_rows_loses_what_it_learnt(registry: Registry, tmp_path: Path) -> None:
    dataset = seal(registry, tmp_path, ROWS).id
    first, second = (made_of(registry, tmp_path, dataset, name) for name in ("one", "two"))
    erase(registry, tmp_path, job())
    for made in (first, second):
        assert stored(registry, made) == made.plain


def test_what_ended_badly_or_is_gone_already_stops_nothing(registry: Registry, tmp_path: Path) -> None:
    dataset = seal(registry, tmp_path, ROWS)
    made = made_of(registry, tmp_path, dataset.id)
    begun = "acme.helpdesk.2.000000000000"
    registry.lineage.link(dataset.id, begun, "trained with", parent_kind="dataset", child_kind="run")
    (tmp_path / "runs" / begun).mkdir()
    registry.lineage.link(made.run, sha(9), "stored", parent_kind="run", child_kind="checkpoint")
    no_tree = registry.blobs.put(b"no tree").sha256
    registry.lineage.link(made.run, no_tree, "stored", parent_kind="run", child_kind="checkpoint")
    registry.lineage.link(made.adapter, sha(8), "compared in", parent_kind="adapter", child_kind="report")
    _, _, shredded = erase(registry, tmp_path, job())
    assert (shredded.blobs, shredded.folders) == (4, 3)
    assert stored(registry, made) == made.plain
    assert not (tmp_path / "runs" / begun).exists()


def test_a_folder_that_cannot_be_removed_is_told_after_all_else_is_gone(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    mine = job()
    withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    with monkeypatch.context() as stuck:
        stuck.setattr(shredding.trees, "remove", lambda _: None)
        stuck.setattr(shredding.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Unavailable, match="RUN_FOLDER_KEPT"):
            shredding.shred(registry, mine, withdrawn, tmp_path)
    assert stored(registry, made) == made.plain
    shredded = shredding.shred(registry, mine, withdrawn, tmp_path)
    assert shredded.ledger_rows == 1
    assert not any(folder.exists() for folder in made.folders)


def test_nothing_is_destroyed_while_it_is_held(registry: Registry, tmp_path: Path) -> None:
    made = made_of(registry, tmp_path, seal(registry, tmp_path, ROWS).id)
    _, shard = set_aside(registry, tmp_path, [(5, SUBJECT, "quarantined", asks(PER_CASE))])
    registry.holds.place(HoldPlaced(tenant="acme", subject=SUBJECT, reason="a lawsuit", actor="leo"))
    mine = job()
    withdrawn = withdrawing.withdraw(registry, mine)
    resealing.reseal(registry, mine)
    with pytest.raises(Conflict, match="ERASURE_HELD"):
        shredding.shred(registry, mine, withdrawn, tmp_path)
    assert stored(registry, made) == made.learnt | made.plain
    assert all(folder.is_dir() for folder in made.folders)
    assert registry.shards.readable(shard)

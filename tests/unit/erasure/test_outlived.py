"""A quarantined row outlives its dataset, and whose case it is then counts it: in the registry, in words, signed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from activities.erasure import receipt
from activities.erasure.withdrawing import withdraw
from assay.cli.watching import _Seen, line_of
from assay.contracts.erasure import CaseDone, CaseJob, Counts, ErasureStatus, FoundIn, Rows
from assay.contracts.erasure_totals import counted, rows_in
from examples.demo.erasing import _measured
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, seal, searched, set_aside, sha

SECOND, VALUE, NOW = "acme.000000000001", "a" * 64, datetime(2026, 1, 1, tzinfo=UTC)
MINE = (2, SUBJECT, "accepted", asks(PER_CASE))
ASIDE = (3, OTHER, "quarantined", asks("what the other person said waits for a reviewer"))


def outlived(registry: Registry, home: Path, *more: tuple[int, str, str, list[dict[str, str]]]) -> str:
    """A dataset of one person's row that is destroyed with their case, and another person's quarantined one."""
    dataset = seal(registry, home, [MINE, ASIDE, *more], named={3: [VALUE]})
    _, shard = set_aside(registry, home, [ASIDE], named={3: [VALUE]})
    erase(registry, home, job(suppress=False))
    assert registry.shards.readable(shard)
    assert not registry.shards.readable(registry.datasets.get(dataset.id).ledger)
    return dataset.id


def of(status: str, mine: CaseJob, registry: Registry) -> ErasureStatus:
    found = registry.erasures.found(mine.case)
    return ErasureStatus.model_validate({"stage": status, "case": mine.case, "found": found, "artifacts": 0})


def test_a_row_that_outlived_its_dataset_is_found_counted_and_signed(registry: Registry, tmp_path: Path) -> None:
    dataset = outlived(registry, tmp_path)
    two = job(SECOND, subject=OTHER, suppress=False)
    withdrawn, _, shredded = erase(registry, tmp_path, two)
    assert withdrawn.found.own == (FoundIn(dataset=dataset, aside=1, gone=True),)
    assert counted(withdrawn.found).own == Counts(datasets=1, aside=1)
    assert (rows_in(withdrawn.found.own), shredded.ledger_rows) == (1, 1)
    done = CaseDone(
        **{"job": two, "found": (counted(withdrawn.found),), "withdrawn": withdrawn, "shredded": shredded},
        **{"remains": searched(registry, two, tmp_path), "opened": NOW, "closed": NOW},
    )
    said = receipt.predicate(done)
    assert said["found"][0]["own"] == {"datasets": 1, "kept": 0, "aside": 1, "refused": 0}
    assert said["destroyed"]["ledgerEntries"] == 1
    assert done.remains.found == ()
    seen, status = _Seen(), of("erased", two, registry)
    seen.look(status)
    assert seen.anything is True
    asked = {**status.model_dump(mode="json"), "unservable_milliseconds": 1.0}
    assert _measured(asked, [], sha(9), 0, 1)["rows"] == 1


def test_a_reviewer_is_told_of_a_row_that_outlived_its_dataset(registry: Registry, tmp_path: Path) -> None:
    outlived(registry, tmp_path)
    two = job(SECOND, subject=None, mentions=(VALUE,), suppress=False)
    withdraw(registry, two)
    found = registry.erasures.found(two.case)
    assert counted(found).mentioned == Counts(datasets=1, aside=1)
    assert line_of(of("awaiting confirmation", two, registry)).startswith("awaiting confirmation: 1 rows, see")
    registry.erasures.confirm(two.case, [sha(3)])
    assert counted(registry.erasures.found(two.case)).own == Counts(datasets=1, aside=1)


def test_a_row_that_the_next_version_has_too_is_counted_there_alone(registry: Registry, tmp_path: Path) -> None:
    first = outlived(registry, tmp_path, (4, OTHER, "accepted", asks("what the other person said was kept")))
    two = job(SECOND, subject=OTHER, suppress=False)
    withdrawn, _, shredded = erase(registry, tmp_path, two)
    gone, new = sorted(withdrawn.found.own, key=lambda one: one.dataset != first)
    assert gone == FoundIn(dataset=first, kept=1, aside=1, gone=True, replaced=Rows(kept=1, aside=1))
    assert (new.kept, new.aside, new.gone, new.replaced) == (1, 1, False, Rows())
    assert counted(withdrawn.found).own == Counts(datasets=1, kept=1, aside=1)
    assert shredded.ledger_rows == 4


def test_a_quarantined_row_is_not_counted_as_what_an_intake_refused_later(registry: Registry, tmp_path: Path) -> None:
    first = seal(registry, tmp_path, [MINE, ASIDE])
    set_aside(registry, tmp_path, [ASIDE])
    later = [(3, OTHER, "refused", ASIDE[3]), (4, OTHER, "accepted", asks("what the other person said was kept"))]
    second = seal(registry, tmp_path, later, version=2)
    erase(registry, tmp_path, job(suppress=False))
    two = job(SECOND, subject=OTHER, suppress=False)
    found = withdraw(registry, two).found
    assert {one.dataset: (one.gone, one.replaced) for one in found.own} == {
        first.id: (True, Rows()),
        second.id: (False, Rows()),
    }
    assert counted(found).own == Counts(datasets=2, kept=1, aside=1, refused=1)

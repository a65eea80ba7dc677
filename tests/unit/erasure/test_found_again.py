"""Rows that later intakes read again leave copies: of shards, of ledgers, of lines that are nobody's any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from activities.data.comparison import compare
from activities.data.ledger import BLANK_ID
from activities.data.story import story
from activities.erasure import mentions
from assay.contracts.errors import NotFound, Unavailable
from registry import Registry
from registry.quarantine import Ruling

from .scene import OTHER, PER_CASE, SUBJECT, Said, asks, erase, job, retention, seal, searched, set_aside, sha

MINE: Said = (2, SUBJECT, "quarantined", asks(PER_CASE))
ONE, TWO, FOUR = ((n, OTHER, "quarantined", asks(f"the weather number {n} is asked for")) for n in (1, 3, 4))
REFUSED = Ruling(state="refused", reviewer="bea", reason="no consent", statement=sha(9))


def texts(registry: Registry, folder: Path) -> dict[str, object]:
    """What is read of each row that is said to stand somewhere."""
    rows = registry.quarantine.all(registry.quarantine.queues("acme")[0])
    found = {}
    for row in rows:
        table = parquet.read_table(registry.shards.fetch_file(row.shard, folder / "read"))
        (folder / "read").unlink()
        assert table["row_id"][row.ordinal].as_py() == row.row_id
        found[row.row_id] = table["messages"][row.ordinal].as_py()
    return found


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("again", ["with a neighbour of the new shard", "alone", "without the person"])
def test_every_copy_of_a_quarantined_row_goes(registry: Registry, tmp_path: Path, again: str, *, decided: bool) -> None:
    queue, first = set_aside(registry, tmp_path, [ONE, MINE, TWO], stamp="first")
    if decided:
        registry.quarantine.decide(queue, [sha(2)], REFUSED)
    later = {"with a neighbour of the new shard": [MINE, FOUR], "alone": [MINE], "without the person": [TWO, FOUR]}
    _, second = set_aside(registry, tmp_path, later[again], stamp="second")
    before = texts(registry, tmp_path)
    mine = job()
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()
    assert not registry.shards.readable(first)
    assert registry.shards.readable(second) is (again == "without the person")
    assert texts(registry, tmp_path) == {id_: said for id_, said in before.items() if id_ != sha(2)}


def test_a_neighbour_s_case_takes_the_copies_that_nobody_names_with_it(registry: Registry, tmp_path: Path) -> None:
    """Else they would be written to the new shard, in which their own case would not look for them."""
    set_aside(registry, tmp_path, [MINE, (5, "7" * 64, "quarantined", asks("a question of somebody else")), ONE])
    _, second = set_aside(registry, tmp_path, [MINE, FOUR], stamp="second")
    neighbour = job("acme.000000000001", subject="7" * 64)
    erase(registry, tmp_path, neighbour)
    assert registry.shards.readable(second)
    mine = job()
    erase(registry, tmp_path, mine)
    for case in (neighbour, mine):
        assert searched(registry, case, tmp_path).found == ()
    assert set(texts(registry, tmp_path)) == {sha(1), sha(4)}


def test_a_row_that_was_refused_and_found_again_is_read_where_it_stands_now(registry: Registry, tmp_path: Path) -> None:
    queue, _ = set_aside(registry, tmp_path, [ONE, MINE], stamp="first", named={2: ["a" * 64]})
    registry.quarantine.decide(queue, [sha(2)], REFUSED)
    _, second = set_aside(registry, tmp_path, [MINE], stamp="second", named={2: ["a" * 64]})
    row = registry.quarantine.find(queue, sha(2))
    assert row is not None
    assert (row.state, row.reviewer, row.shard, row.ordinal) == ("refused", "bea", second, 0)
    mine = job(subject=None, mentions=("a" * 64,))
    erase(registry, tmp_path, mine)
    [waits] = mentions.rows(registry, mine.case)
    assert waits.content is not None


ROWS: list[Said] = [
    (1, OTHER, "accepted", asks("the weather number one is asked for here")),
    (2, SUBJECT, "refused", asks(PER_CASE)),
]


def test_a_ledger_that_several_datasets_have_stays_readable_for_all(registry: Registry, tmp_path: Path) -> None:
    one, other = (seal(registry, tmp_path, ROWS, again=again) for again in (0, 1))
    ledger = registry.datasets.get(one.id).ledger
    assert registry.datasets.get(other.id).ledger == ledger
    mine = job()
    erase(registry, tmp_path, mine)
    assert not registry.shards.readable(ledger)
    assert searched(registry, mine, tmp_path).found == ()
    assert compare(registry, one.id, other.id).rows.same == 1
    assert registry.datasets.get(one.id).ledger == registry.datasets.get(other.id).ledger


def test_a_ledger_that_was_moved_for_one_dataset_only_is_moved_for_the_other(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between."""
    one, other = (seal(registry, tmp_path, ROWS, again=again) for again in (0, 1))
    mine, keep, kept = job(), registry.erasures.keep_ledger, list[str]()

    def killed(dataset: str, ledger: object) -> None:
        if kept:
            raise KeyboardInterrupt
        kept.append(dataset)
        keep(dataset, ledger)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(registry.erasures, "keep_ledger", killed)
    with pytest.raises(KeyboardInterrupt):
        erase(registry, tmp_path, mine)
    monkeypatch.setattr(registry.erasures, "keep_ledger", keep)
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()
    assert compare(registry, one.id, other.id).rows.same == 1


def test_lines_that_an_erasure_blanked_are_no_rows(registry: Registry, tmp_path: Path) -> None:
    third: Said = (3, "7" * 64, "accepted", asks("a question that somebody else asked"))
    first = seal(registry, tmp_path, [*ROWS, third])
    erase(registry, tmp_path, job(suppress=False))
    with pytest.raises(NotFound, match="ROW_UNKNOWN"):
        story(registry, BLANK_ID)
    _, [made], _ = erase(registry, tmp_path, job("acme.000000000001", subject="7" * 64))
    assert made.replaces == first.id
    assert made.dataset is not None
    new = registry.datasets.get(made.dataset)
    assert (new.dataset.counts.read, new.dataset.counts.accepted, new.dataset.counts.refused) == (1, 1, 0)
    assert registry.datasets.outcomes(made.dataset) == {"accepted": 1}
    # Of others' lines too: two different persons' are not one changed row.
    other = seal(registry, tmp_path, [ROWS[0], (4, SUBJECT, "quarantined", asks(PER_CASE))], version=7)
    erase(registry, tmp_path, job("acme.000000000002", suppress=False))
    rows = compare(registry, made.dataset, other.id).rows
    assert (rows.same, rows.added, rows.removed, rows.changed) == (1, 0, 0, 0)


@pytest.mark.parametrize("dies", [Unavailable("STORE", "no disk", "wait"), KeyboardInterrupt()])
def test_rows_of_others_outlive_a_try_that_ended_half_way(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: BaseException
) -> None:
    """In a shard that only a copy is in which no queue names."""
    set_aside(registry, tmp_path, [ONE, MINE, TWO], stamp="first")
    set_aside(registry, tmp_path, [MINE, FOUR], stamp="second")
    before, mine = texts(registry, tmp_path), job()

    def killed(*_: object) -> bool:
        raise dies

    with monkeypatch.context() as broken:
        broken.setattr(registry.quarantine, "moved", killed)
        with pytest.raises(type(dies)):
            erase(registry, tmp_path, mine)
    erase(registry, tmp_path, mine)
    assert searched(registry, mine, tmp_path).found == ()
    assert texts(registry, tmp_path) == {id_: said for id_, said in before.items() if id_ != sha(2)}


def test_a_row_that_comes_into_a_shard_while_it_is_cut_stays(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, first = set_aside(registry, tmp_path, [ONE, MINE, TWO], stamp="first")
    set_aside(registry, tmp_path, [TWO], stamp="second")
    moved, again = registry.quarantine.moved, list[bool]()

    def meanwhile(*arguments: Any) -> bool:
        if not again:
            set_aside(registry, tmp_path, [ONE, MINE, TWO], stamp="first")
        again.append(moved(*arguments))
        return again[-1]

    monkeypatch.setattr(registry.quarantine, "moved", meanwhile)
    mine = job(suppress=False)
    erase(registry, tmp_path, mine)
    assert again[:2] == [False, True]
    assert not registry.shards.readable(first)
    assert set(texts(registry, tmp_path)) == {sha(1), sha(3)}
    assert searched(registry, mine, tmp_path).found == ()
    assert registry.quarantine.find(queue, sha(2)) is None


def test_the_ledger_of_a_dataset_beside_that_is_in_no_case_stays(registry: Registry, tmp_path: Path) -> None:
    """Of another seal whose time is not over; however often the case looks."""
    one, other = (seal(registry, tmp_path, ROWS, again=again) for again in (0, 1))
    ledger = registry.datasets.get(one.id).ledger
    mine = retention(one, source=None, rows=(sha(2),))
    for _ in range(2):
        erase(registry, tmp_path, mine)
        assert searched(registry, mine, tmp_path).found == ()
    assert registry.datasets.get(one.id).ledger != registry.datasets.get(other.id).ledger == ledger
    assert registry.shards.readable(ledger)

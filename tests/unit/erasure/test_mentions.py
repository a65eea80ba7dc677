"""A reviewer reads rows that mention a person as they lie in the shards of their datasets, or in quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.erasure import mentions
from activities.erasure.resealing import shards_of
from assay.contracts.errors import NotFound
from registry import Registry

from .scene import OTHER, PER_CASE, SUBJECT, asks, erase, job, seal, sealed, set_aside, sha, text

NAMED = "a" * 64


def said(row: mentions.MentioningRow) -> str | None:
    return row.content["messages"][0]["content"] if row.content else None


def test_rows_that_wait_are_read_from_shards_that_are_left(registry: Registry, tmp_path: Path) -> None:
    first = sealed(registry, tmp_path)
    mine = job(mentions=(NAMED,))
    _, [made], _ = erase(registry, tmp_path, mine)
    [row] = mentions.rows(registry, mine.case)
    assert (row.row_id, said(row)) == (sha(5), text(5))
    assert {*row.datasets} == {first.id, made.dataset}
    registry.erasures.confirm(mine.case, (sha(5),))
    assert mentions.rows(registry, mine.case) == ()


def test_a_row_is_read_in_the_new_version_when_it_stood_beside_the_persons_own(
    registry: Registry, tmp_path: Path
) -> None:
    about = "write to erika instead, by the old mill"
    rows = [(2, SUBJECT, "accepted", asks(PER_CASE)), (7, OTHER, "accepted", asks(about))]
    seal(registry, tmp_path, rows, named={7: [NAMED]})
    mine = job(mentions=(NAMED,))
    _, [made], destroyed = erase(registry, tmp_path, mine)
    assert destroyed.shards
    [row] = mentions.rows(registry, mine.case)
    assert (row.row_id, said(row)) == (sha(7), about)
    assert made.dataset in row.datasets


def test_a_row_that_was_set_aside_is_read_where_it_waits(registry: Registry, tmp_path: Path) -> None:
    aside = [(7, OTHER, "quarantined", asks("write to erika instead, by the old mill"))]
    seal(registry, tmp_path, [(1, OTHER, "accepted", asks("the weather of number one")), *aside], named={7: [NAMED]})
    set_aside(registry, tmp_path, aside)
    mine = job(subject=None, mentions=(NAMED,))
    erase(registry, tmp_path, mine)
    [row] = mentions.rows(registry, mine.case)
    assert (row.row_id, said(row)) == (sha(7), "write to erika instead, by the old mill")


def test_a_row_whose_shards_are_destroyed_waits_without_its_text(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=(NAMED,))
    erase(registry, tmp_path, mine)
    for record in registry.datasets.all_named("acme", "support"):
        for shard in shards_of(registry, record):
            registry.shards.destroy(shard, "acme.000000000001")
    [row] = mentions.rows(registry, mine.case)
    assert (row.row_id, row.content) == (sha(5), None)


def test_a_case_that_nobody_knows_has_no_rows(registry: Registry) -> None:
    with pytest.raises(NotFound, match="ERASURE_UNKNOWN"):
        mentions.rows(registry, "acme.000000000000")

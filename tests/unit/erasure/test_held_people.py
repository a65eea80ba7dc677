"""A legal hold on a person keeps rows of theirs whoever asks for the removal, and whatever it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.data.retention import holds_on
from activities.erasure import shredding, withdrawing
from assay.contracts.erasure import CaseJob, ErasureRequest, HoldPlaced
from assay.contracts.errors import Conflict
from registry import Registry

from .scene import OTHER, SUBJECT, column, job, sealed, sha


def expired(dataset: str) -> CaseJob:
    request = ErasureRequest(
        tenant="acme",
        ground="retention",
        dataset=dataset,
        source="tickets",
        suppress=False,
        role="owner",
        requested_by="ann",
    )
    return CaseJob(case="acme.51d0e2aa17cc", workflow="w", decision_id="d", request=request)


@pytest.mark.parametrize("person", [SUBJECT, "a" * 64])
def test_a_hold_on_a_person_of_a_dataset_stops_retention(registry: Registry, tmp_path: Path, person: str) -> None:
    dataset = sealed(registry, tmp_path)
    held = registry.holds.place(HoldPlaced(tenant="acme", subject=person, reason="a lawsuit", actor="leo"))
    registry.holds.place(HoldPlaced(tenant="acme", subject="e" * 64, reason="of nobody here", actor="leo"))
    mine = expired(dataset.id)
    withdrawn = withdrawing.withdraw(registry, mine)
    assert shredding.held(registry, mine).holds == (f"{held}: a lawsuit",)
    with pytest.raises(Conflict, match="ERASURE_HELD"):
        shredding.shred(registry, mine, withdrawn, tmp_path)
    assert holds_on(registry, "acme", dataset.id, "tickets").holds == (held,)
    assert holds_on(registry, "acme", dataset.id, "another").holds == ()
    registry.holds.lift(held, "leo")
    assert holds_on(registry, "acme", dataset.id, "tickets").holds == ()
    assert shredding.shred(registry, mine, withdrawn, tmp_path).shards


@pytest.mark.parametrize("ground", ["erasure", "retention"])
def test_a_hold_on_a_tenant_keeps_all_rows_of_it_and_none_of_another(
    registry: Registry, tmp_path: Path, ground: str
) -> None:
    dataset = sealed(registry, tmp_path)
    registry.holds.place(HoldPlaced(tenant="globex", reason="of another tenant", actor="leo"))
    mine = job() if ground == "erasure" else expired(dataset.id)
    withdrawn = withdrawing.withdraw(registry, mine)
    assert shredding.held(registry, mine).holds == ()
    assert holds_on(registry, "acme", dataset.id, "tickets").holds == ()
    held = registry.holds.place(HoldPlaced(tenant="acme", reason="an inquiry", actor="leo"))
    assert shredding.held(registry, mine).holds == (f"{held}: an inquiry",)
    assert holds_on(registry, "acme", dataset.id, "tickets").holds == (held,)
    assert registry.datasets.get(dataset.id).quarantined
    with pytest.raises(Conflict, match="ERASURE_HELD"):
        shredding.shred(registry, mine, withdrawn, tmp_path)
    assert column(registry, dataset.id, tmp_path) == [sha(number) for number in range(8)]
    registry.holds.lift(held, "leo")
    assert shredding.shred(registry, mine, withdrawn, tmp_path).shards


def test_a_row_that_names_the_person_and_is_of_another_under_hold_stays(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    held = registry.holds.place(HoldPlaced(tenant="acme", subject=OTHER, reason="a lawsuit", actor="leo"))
    mine = job(subject=None, mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    assert shredding.held(registry, mine).holds == ()
    registry.erasures.confirm(mine.case, (sha(5),))
    assert shredding.held(registry, mine).holds == (f"{held}: a lawsuit",)

"""Who opts out by a value that names them is suppressed by it; a confirmed row is, too."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.erasure import receipt, resealing, withdrawing
from activities.erasure.activity import ErasureControl
from assay.contracts.erasure import CaseDone, ConfirmJob, MentionsConfirmed
from assay.settings import Settings
from registry import Registry

from .scene import SUBJECT, job, sealed, sha

NAMED = "a" * 64


@pytest.mark.parametrize("suppress", [True, False])
def test_mentions_are_suppressed_where_the_order_says_so(
    registry: Registry, settings: Settings, tmp_path: Path, suppress: bool
) -> None:
    sealed(registry, tmp_path)
    mine = job(subject=None, mentions=(NAMED,), suppress=suppress)
    withdrawing.withdraw(registry, mine)
    control = ErasureControl(settings)
    # Of these two only the first waits: another row may not be refused by intake because somebody named it.
    said = MentionsConfirmed(case=mine.case, rows=(sha(5), sha(6)), reviewer="rio", role="privacy")
    control.confirm_rows(ConfirmJob(job=mine, confirmed=said))
    control._registry.close()
    row = sha(5).removeprefix("sha256:")
    asked = [NAMED, row, sha(6).removeprefix("sha256:"), SUBJECT]
    assert registry.suppression.obeyed("acme", asked) == ({NAMED, row} if suppress else frozenset())
    now = datetime.now(UTC)
    told = receipt.predicate(CaseDone(job=mine, opened=now, closed=now))
    assert told["suppressed"] is suppress


def test_a_dataset_is_sealed_again_with_rows_that_only_mention_the_person(registry: Registry, tmp_path: Path) -> None:
    sealed(registry, tmp_path)
    mine = job(mentions=(NAMED,))
    withdrawing.withdraw(registry, mine)
    [made] = resealing.reseal(registry, mine)
    assert made.rows == 7

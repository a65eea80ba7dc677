"""A reviewer's word about rows that mention a person is put to a real gate, with what the record says of those rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.erasure import withdrawing
from activities.erasure.activity import ErasureControl
from assay.contracts.erasure import CaseJob, ConfirmJob, MentionsConfirmed
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys
from tests.unit.erasure.scene import job, sealed, sha

from .conftest import OpaServer


@pytest.fixture
def case(tmp_path: Path) -> CaseJob:
    """Row 5 of a dataset mentions the person and waits; row 2 is the person's own."""
    ensure_keys(tmp_path)
    registry = Registry.open(Settings(home=tmp_path))
    sealed(registry, tmp_path)
    mine = job(mentions=("a" * 64,))
    withdrawing.withdraw(registry, mine)
    return mine


@pytest.mark.parametrize(
    ("rows", "role", "codes"),
    [
        ((5,), "privacy", []),
        ((5,), "legal", []),
        ((5,), "owner", ["MENTIONS_ROLE_MISSING"]),
        ((5, 6), "privacy", ["MENTIONS_NOT_WAITING"]),
        ((2,), "privacy", ["MENTIONS_NOT_WAITING"]),
    ],
)
def test_only_who_may_confirms_only_rows_that_wait(
    case: CaseJob, opa: OpaServer, tmp_path: Path, rows: tuple[int, ...], role: str, codes: list[str]
) -> None:
    said = {"case": case.case, "reviewer": "rio", "role": role, "rows": [sha(row) for row in rows]}
    control = ErasureControl(Settings(home=tmp_path, opa_url=opa.url))
    decision = control.decide_mentions(ConfirmJob(job=case, confirmed=MentionsConfirmed.model_validate(said)))
    assert [one.code for one in decision.violations] == codes
    assert decision.allow is not bool(codes)
    question = Registry.open(Settings(home=tmp_path)).blobs.get(decision.input)
    assert not any(sha(row).encode() in question for row in rows)

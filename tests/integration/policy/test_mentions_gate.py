"""A reviewer's word about rows that mention a person is put to a real gate, with what the record says of those rows."""

from __future__ import annotations

from typing import Any

import pytest

from activities.erasure import withdrawing
from activities.erasure.activity import ErasureControl
from assay.contracts.erasure import CaseJob, ConfirmJob, ErasureRequest, MentionsConfirmed
from assay.settings import Settings
from registry import LedgerEntry

from .conftest import OpaServer
from .house import House

PERSON, NAMED = "5" * 64, "a" * 64


def sha(number: int) -> str:
    return f"sha256:{number:064x}"


def entry(number: int, **fields: Any) -> LedgerEntry:
    terms = {"source": "support", "licence": "Apache-2.0", "consent": "granted", "tier": "curated"}
    row = {"row_id": sha(number), "ordinal": number, "outcome": "accepted"}
    return LedgerEntry.model_validate({**row, **terms, **fields})


@pytest.fixture
def case(house: House) -> CaseJob:
    """Row 5 of a dataset mentions the person and waits; row 2 is the person's own, row 6 is somebody else's."""
    house.seal_dataset(entries=[entry(2, subject=PERSON), entry(5, mentions=(NAMED,)), entry(6)])
    request = ErasureRequest(tenant="acme", subject=PERSON, mentions=(NAMED,), requested_by="pia")
    mine = CaseJob(case="acme.51d0e2aa17cc", workflow="erasure/acme/5", request=request)
    withdrawing.withdraw(house.registry, mine)
    return mine


@pytest.mark.parametrize(
    ("rows", "others", "role", "codes"),
    [
        ((5,), (), "privacy", []),
        ((), (5,), "privacy", []),
        ((), (6,), "privacy", ["MENTIONS_NOT_WAITING"]),
        ((5,), (6,), "privacy", ["MENTIONS_NOT_WAITING"]),
        ((), (), "privacy", ["MENTIONS_FACTS_MISSING"]),
        ((5,), (), "legal", []),
        ((5,), (), "owner", ["MENTIONS_ROLE_MISSING"]),
        ((5, 6), (), "privacy", ["MENTIONS_NOT_WAITING"]),
        ((2,), (), "privacy", ["MENTIONS_NOT_WAITING"]),
    ],
)
def test_only_who_may_judges_only_rows_that_wait(
    house: House,
    case: CaseJob,
    opa: OpaServer,
    rows: tuple[int, ...],
    others: tuple[int, ...],
    role: str,
    codes: list[str],
) -> None:
    judged = {"rows": [sha(row) for row in rows], "others": [sha(row) for row in others]}
    said = {"case": case.case, "reviewer": "rio", "role": role, **judged}
    control = ErasureControl(Settings(home=house.home, opa_url=opa.url))
    decision = control.decide_mentions(ConfirmJob(job=case, confirmed=MentionsConfirmed.model_validate(said)))
    assert [one.code for one in decision.violations] == codes
    assert decision.allow is not bool(codes)
    question = house.registry.blobs.get(decision.input)
    assert not any(sha(row).encode() in question for row in (*rows, *others))

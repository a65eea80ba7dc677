"""An assessment counts when this house signed it for this system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.data.dpia import Assessment, read_assessment, sign_assessment
from assay.contracts.base import Reference
from assay.contracts.data import Source
from assay.contracts.errors import IntegrityRefused
from registry import BlobStore
from stack.keys import ensure_keys

MakeSource = Callable[..., Source]
ASSESSMENT = Assessment(valid_until=datetime(2027, 1, 1, tzinfo=UTC), scope=("train-tenant-model",))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return ensure_keys(tmp_path)


def test_a_signed_assessment_is_read(keys: Path, blobs: BlobStore, source: MakeSource) -> None:
    signed = blobs.put(sign_assessment("helpdesk", ASSESSMENT, keys / "signing.pem"))
    found = read_assessment(source(b"", dpia=signed), blobs, keys / "signing.pub.pem")
    assert found == ASSESSMENT.model_copy(update={"system": "helpdesk"})


def test_assessments_of_all_systems_behind_a_source_are_read_and_end_with_the_first(
    keys: Path, blobs: BlobStore, source: MakeSource
) -> None:
    def sign(system: str, year: int) -> Reference:
        until = ASSESSMENT.model_copy(update={"valid_until": datetime(year, 1, 1, tzinfo=UTC)})
        return blobs.put(sign_assessment(system, until, keys / "signing.pem"))

    joined = {"dpia": sign("helpdesk", 2028), "tables": {"visits": "patient-portal"}, "derived_from": ("payroll",)}
    both = source(b"", **joined, assessments=(sign("patient-portal", 2027), sign("payroll", 2029)))
    found = read_assessment(both, blobs, keys / "signing.pub.pem")
    assert found is not None
    assert [one.system for one in found.each()] == ["helpdesk", "patient-portal", "payroll"]
    assert found.valid_until.year == 2027
    assert found.in_force(datetime(2026, 12, 31, tzinfo=UTC))
    assert not found.in_force(datetime(2027, 1, 1, tzinfo=UTC))
    assert both.systems == ("helpdesk", "patient-portal", "payroll")


def test_an_assessment_is_not_in_force_before_it_is_issued() -> None:
    later = ASSESSMENT.model_copy(update={"issued_at": datetime(2026, 6, 1, tzinfo=UTC)})
    assert not later.in_force(datetime(2026, 5, 31, tzinfo=UTC))
    assert later.in_force(datetime(2026, 6, 1, tzinfo=UTC))


def test_no_assessment_is_none(keys: Path, blobs: BlobStore, source: MakeSource) -> None:
    assert read_assessment(source(b""), blobs, keys / "signing.pub.pem") is None


def test_an_assessment_of_another_system_is_refused(keys: Path, blobs: BlobStore, source: MakeSource) -> None:
    signed = blobs.put(sign_assessment("payroll", ASSESSMENT, keys / "signing.pem"))
    with pytest.raises(IntegrityRefused) as refused:
        read_assessment(source(b"", dpia=signed), blobs, keys / "signing.pub.pem")
    assert refused.value.code == "DPIA_OF_ANOTHER_SYSTEM"


def test_another_key_or_changed_bytes_are_refused(keys: Path, blobs: BlobStore, source: MakeSource) -> None:
    envelope = sign_assessment("helpdesk", ASSESSMENT, keys / "policy.pem")
    for forged in (envelope, b'{"valid_until": "2099-01-01"}', envelope[:-9]):
        with pytest.raises(IntegrityRefused) as refused:
            read_assessment(source(b"", dpia=blobs.put(forged)), blobs, keys / "signing.pub.pem")
        assert refused.value.code == "STATEMENT_INVALID"


def test_an_assessment_says_until_when_and_for_what() -> None:
    with pytest.raises(ValidationError):
        Assessment.model_validate({"valid_until": "2027-01-01T00:00:00", "scope": []})

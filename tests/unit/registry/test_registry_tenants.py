"""A tenant is known by whatever is on record of them, and a mistyped one by nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.contracts.erasure import ErasureRequest, HoldPlaced
from assay.contracts.retention import SourceTerm
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys

PERSON = "5" * 64


def staged(registry: Registry, folder: Path) -> None:
    """Rows of a first intake, which has entered nothing else yet."""
    (folder / "rows").write_bytes(b"rows")
    registry.shards.put_file(folder / "rows", owner="acme/support/1")


def kept(registry: Registry, _folder: Path) -> None:
    term = SourceTerm(source="tickets", expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    registry.retention.enter(f"sha256:{1:064}", "acme", "support", 1, [term])


def ordered(registry: Registry, _folder: Path) -> None:
    order = ErasureRequest(tenant="acme", subject=PERSON, requested_by="pia")
    registry.erasures.open("acme.51d0e2aa17cc", "w", order, "d")


KNOWN_BY: dict[str, Callable[[Registry, Path], object]] = {
    "a hold": lambda registry, _: registry.holds.place(HoldPlaced(tenant="acme", reason="a lawsuit", actor="leo")),
    "the suppression list": lambda registry, _: registry.suppression.add("acme", [PERSON], "acme.51d0e2aa17cc"),
    "a case": ordered,
    "a term": kept,
    "staged rows": staged,
}


@pytest.mark.parametrize("what", KNOWN_BY)
def test_a_tenant_is_known_by(registry: Registry, settings: Settings, tmp_path: Path, what: str) -> None:
    ensure_keys(settings.home)
    assert not registry.names.knows("acme")
    KNOWN_BY[what](registry, tmp_path)
    assert registry.names.knows("acme")
    assert not registry.names.knows("acm")
    assert not registry.names.knows("acme-2")


def test_a_key_alone_may_have_been_made_for_a_misspelt_name(registry: Registry) -> None:
    registry.keys.create("acme")
    assert not registry.names.knows("acme")
    assert registry.names.tenants() == frozenset()

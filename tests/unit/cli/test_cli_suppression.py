"""`assay suppression`: who was erased is refused until somebody says, with a reason, that they agree again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from activities.data.ledger import subject_hash
from assay.contracts.erasure import HoldPlaced
from assay.settings import Settings
from registry import Registry
from stack.keys import ensure_keys


def test_a_person_is_listed_by_hash_and_lifted_by_name(assay: Callable[..., Any], home: Path) -> None:
    ensure_keys(home)
    key = (home / "keys" / "subject.key").read_bytes().strip()
    own = subject_hash(key, "acme", "customer-7")
    registry = Registry.open(Settings(home=home))
    registry.suppression.add("acme", [own, "a" * 64], "acme.1")
    registry.close()
    listed = assay("suppression", "list", "--tenant", "acme", "--json")
    assert {one["hash"]: one["case"] for one in listed.json} == {own: "acme.1", "a" * 64: "acme.1"}
    assert own in assay("suppression", "list", "--tenant", "acme").out
    nobody = assay("suppression", "list", "--tenant", "globex")
    assert (nobody.code, nobody.out, "TENANT_UNKNOWN" in nobody.err) == (1, "", True)
    held = Registry.open(Settings(home=home))
    held.holds.place(HoldPlaced(tenant="globex", reason="a lawsuit", actor="leo"))
    held.close()
    nobody = assay("suppression", "list", "--tenant", "globex")
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "nobody of globex is on the list\n")
    lift = ("suppression", "lift", "--tenant", "acme", "--reason", "signed again", "--by", "pia")
    assert assay(*lift).code != 0
    assert "SUPPRESSION_UNKNOWN" in assay(*lift, "--subject", "customer-8").err
    assert "ARGUMENT_MALFORMED" in assay(*lift, "--entry", "not a hash").err
    assert assay(*lift, "--subject", "customer-7").out == "lifted 1\n"
    assert [one["hash"] for one in assay("suppression", "list", "--json").json] == ["a" * 64]
    assert assay(*lift, "--entry", "a" * 64).out == "lifted 1\n"
    assert assay("suppression", "list", "--json").json == []
    cells = [line.split("\u2502") for line in assay("suppression", "list", "--lifted").out.splitlines()]
    told = [[cell.strip() for cell in row[1:-1]] for row in cells if len(row) > 1]
    assert [(row[0], row[1], *row[3:]) for row in told] == [("acme", "acme.1", "pia", "signed again")] * 2

"""Rows that enter while somebody is erased are refused by the intake or found by the erasure; never neither."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from assay.contracts.erasure import ErasureRequest, Found, SuppressionLifted
from assay.contracts.errors import Conflict, InputRefused
from assay.contracts.names import erasure_id, erasure_what
from assay.contracts.review import ReviewQueue
from registry import QuarantinedRow, Registry
from registry.quarantine import Aside

PERSON, QUEUE = "5" * 64, ReviewQueue(tenant="acme", dataset="support")
DIGEST = "sha256:" + "e" * 64
OPEN: float = 1
"""Seconds for which a transaction is held open: an erasure that did not wait for it would end within."""


def erase(registry: Registry) -> Found:
    """As `withdraw` does it."""
    order = ErasureRequest(tenant="acme", subject=PERSON, requested_by="pia")
    registry.erasures.open("acme.51d0e2aa17cc", "w", order, "d")
    registry.suppression.add("acme", [PERSON], "acme.51d0e2aa17cc")
    return registry.erasures.find("acme.51d0e2aa17cc", order)


def test_an_erasure_waits_for_an_intake_that_seals_and_finds_its_rows(registry: Registry, examples: Any) -> None:
    with ThreadPoolExecutor(1) as beside:
        begun = []

        def rows() -> Iterator[QuarantinedRow]:
            """Read when the suppression list was looked at already."""
            begun.append(beside.submit(erase, registry))
            wait(begun, OPEN)
            yield from ()

        registry.datasets.add(
            examples.dataset(),
            examples.intake(),
            examples.ref("ledger"),
            [examples.entry(1)],
            aside=Aside(QUEUE, rows(), "ann"),
        )
        assert [one.kept for one in begun[0].result().own] == [1]


@pytest.mark.parametrize("outcome", ["accepted", "quarantined"])
def test_who_is_on_the_list_by_a_mention_is_refused_to_an_intake(
    registry: Registry, examples: Any, outcome: str
) -> None:
    registry.suppression.add("acme", ["a" * 64], "case")
    entry = examples.entry(1, outcome).model_copy(update={"mentions": ("a" * 64,)})
    args = (examples.dataset(), examples.intake(), examples.ref("ledger"), [entry])
    with pytest.raises(InputRefused, match="SUBJECT_SUPPRESSED"):
        registry.datasets.add(*args, aside=Aside(QUEUE, (), "ann"))
    assert registry.datasets.all_named("acme", "support") == ()
    # What an erasure seals again was read by somebody who said that it is about another.
    registry.datasets.add(*args)
    assert len(registry.datasets.all_named("acme", "support")) == 1


def test_a_row_that_waits_names_nobody_on_the_list(registry: Registry, examples: Any) -> None:
    registry.suppression.add("acme", ["a" * 64], "case")
    row = QuarantinedRow(
        row_id=examples.sha("row"),
        source="tickets",
        codes=("TOXICITY_QUARANTINED",),
        mentions=("a" * 64,),
        shard=examples.ref("shard"),
        ordinal=0,
    )
    with pytest.raises(InputRefused, match="SUBJECT_SUPPRESSED"):
        registry.quarantine.add(QUEUE, [row], requested_by="ann", owner="acme/support/1")
    assert registry.quarantine.all(QUEUE) == ()
    registry.quarantine.add(QUEUE.model_copy(update={"tenant": "globex"}), [row], requested_by="ann")


def lifted(*hashes: str) -> SuppressionLifted:
    return SuppressionLifted(tenant="acme", hashes=hashes, reason="signed again", actor="pia@acme.example")


def test_who_agrees_again_is_taken_off_and_nobody_else(registry: Registry, examples: Any) -> None:
    """Two persons of one household share a value: what one says about it takes the other off no list."""
    registry.suppression.add("acme", [PERSON, "a" * 64], "acme.1")
    registry.suppression.add("acme", ["b" * 64, "a" * 64], "acme.2")
    registry.suppression.add("globex", [PERSON], "globex.1")
    assert registry.suppression.lift(lifted("d" * 64)) == 0
    assert registry.suppression.lift(lifted("b" * 64, "a" * 64)) == 2
    assert [(one.tenant, one.hash) for one in registry.suppression.list()] == [("acme", PERSON), ("globex", PERSON)]
    assert registry.suppression.lift(lifted(PERSON)) == 1
    said = [(one.case, one.reason, one.actor) for one in registry.suppression.lifted("acme")]
    assert said == [(case, "signed again", "pia@acme.example") for case in ("acme.1", "acme.2", "acme.1")]
    args = (examples.dataset(), examples.intake(), examples.ref("ledger"))
    registry.datasets.add(*args, [examples.entry(1)], aside=Aside(QUEUE, (), "ann"))
    registry.suppression.add("acme", [PERSON], "acme.3")
    assert registry.suppression.obeyed("acme", [PERSON]) == {PERSON}


@pytest.mark.parametrize(
    "what",
    [
        erasure_what(PERSON, ()),
        erasure_what(PERSON, ["a" * 64]),
        erasure_what(None, [PERSON, "a" * 64]),
        erasure_what(None, [f"{n:064x}" for n in range(20)]),
        "by-hand",
    ],
)
def test_nobody_is_taken_off_while_a_case_about_them_is_open(registry: Registry, what: str) -> None:
    registry.suppression.add("acme", [PERSON], "acme.51d0e2aa17cc")
    order = ErasureRequest(tenant="acme", subject=PERSON, requested_by="pia")
    registry.erasures.open("acme.000000000001", erasure_id("acme", what), order, "d")
    with pytest.raises(Conflict, match="SUPPRESSION_NEEDED"):
        registry.suppression.lift(lifted(PERSON))
    assert registry.suppression.obeyed("acme", [PERSON]) == {PERSON}
    registry.erasures.close("acme.000000000001", "sha256:" + "e" * 64, {})
    assert registry.suppression.lift(lifted(PERSON)) == 1


@pytest.mark.parametrize("what", [erasure_what("6" * 64, ["b" * 64]), erasure_what(None, ["b" * 64])])
def test_a_case_about_others_keeps_nobody_on_the_list(registry: Registry, what: str) -> None:
    registry.suppression.add("acme", [PERSON], "acme.51d0e2aa17cc")
    order = ErasureRequest(tenant="acme", subject="6" * 64, requested_by="pia")
    registry.erasures.open("acme.000000000001", erasure_id("acme", what), order, "d")
    expired = ErasureRequest(tenant="acme", ground="retention", dataset=DIGEST, source="tickets", requested_by="ann")
    registry.erasures.open("acme.000000000002", "retention/acme/support/1/tickets", expired, "d")
    assert registry.suppression.lift(lifted(PERSON)) == 1


def test_a_name_of_many_values_has_room_in_every_database() -> None:
    hashes = [f"{n:064x}" for n in range(50)]
    for count in (1, 9, 10, 50):
        name = erasure_id("t" * 63, erasure_what(PERSON, hashes[:count]))
        assert len(name) <= 255
        assert name == erasure_id("t" * 63, erasure_what(PERSON, reversed([*hashes[:count], hashes[0]])))
        assert name != erasure_id("t" * 63, erasure_what(PERSON, [*hashes[: count - 1], "f" * 64]))

"""Quarantined rows: they wait, are decided on once, and wait again when there is something that nobody saw."""

from __future__ import annotations

import pytest

from assay.contracts.base import Reference
from assay.contracts.errors import Conflict
from assay.contracts.review import ReviewQueue
from registry import QuarantinedRow, Registry
from registry.quarantine import Ruling

QUEUE = ReviewQueue(tenant="acme", dataset="support")


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


SHARD = Reference(uri=f"shard:{'5' * 64}", sha256=sha("5"))


def row(letter: str, *codes: str, ordinal: int = 0, subject: str = "") -> QuarantinedRow:
    return QuarantinedRow(
        row_id=sha(letter),
        source="tickets",
        codes=codes or ("TOXICITY_QUARANTINED",),
        findings=("toxicity:INSULT:1",),
        subject=subject,
        shard=SHARD,
        ordinal=ordinal,
    )


def ruling(state: str = "released", statement: str = "e") -> Ruling:
    return Ruling.model_validate(
        {"state": state, "reviewer": "bea", "reason": "a quotation", "statement": sha(statement)}
    )


def add(registry: Registry, *rows: QuarantinedRow, by: str = "ann", queue: ReviewQueue = QUEUE) -> int:
    return registry.quarantine.add(queue, rows, requested_by=by)


def ids(registry: Registry) -> list[str]:
    return [one.row_id for one in registry.quarantine.waiting(QUEUE)]


def test_rows_wait_where_their_text_is(registry: Registry) -> None:
    assert add(registry, row("b", ordinal=1), row("a")) == 2
    first, second = registry.quarantine.waiting(QUEUE)
    assert (first.row_id, second.row_id, second.ordinal, second.shard) == (sha("a"), sha("b"), 1, SHARD)
    assert (first.state, first.requesters, first.findings) == ("waiting", ("ann",), ("toxicity:INSULT:1",))


def test_the_same_rows_again_add_nothing(registry: Registry) -> None:
    assert [add(registry, row("a")) for _ in range(3)] == [1, 1, 1]
    assert ids(registry) == [sha("a")]


def test_more_rows_than_a_batch_are_all_entered(registry: Registry) -> None:
    many = [row("a", ordinal=n).model_copy(update={"row_id": f"sha256:{n:064x}"}) for n in range(1203)]
    assert add(registry, *many) == 1203
    assert [one.ordinal for one in registry.quarantine.waiting(QUEUE)] == list(range(1203))


def test_a_released_row_is_released_for_its_purpose_alone(registry: Registry) -> None:
    shared = ReviewQueue(tenant="acme", dataset="support", purpose="train-shared-model")
    for queue in (QUEUE, shared):
        add(registry, row("a", "TOXICITY_QUARANTINED"), queue=queue)
    registry.quarantine.decide(QUEUE, [sha("a")], ruling())
    assert registry.quarantine.released(QUEUE) == {sha("a"): frozenset({"TOXICITY_QUARANTINED"})}
    assert registry.quarantine.released(shared) == {}
    assert registry.quarantine.released(QUEUE.model_copy(update={"tenant": "globex"})) == {}
    (decided,) = registry.quarantine.all(QUEUE)
    assert (decided.state, decided.reviewer, decided.reason, decided.statement) == (
        *("released", "bea"),
        *("a quotation", sha("e")),
    )
    assert decided.decided_at is not None


def test_a_ruling_is_made_of_all_of_its_rows_or_of_none(registry: Registry) -> None:
    add(registry, row("a"))
    with pytest.raises(Conflict, match="QUARANTINE_DECIDED"):
        registry.quarantine.decide(QUEUE, [sha("a"), sha("b")], ruling())
    assert ids(registry) == [sha("a")]


def test_the_same_ruling_again_changes_nothing_and_another_is_refused(registry: Registry) -> None:
    add(registry, row("a"))
    registry.quarantine.decide(QUEUE, [sha("a")], ruling())
    before = registry.quarantine.all(QUEUE)
    registry.quarantine.decide(QUEUE, [sha("a")], ruling())
    assert registry.quarantine.all(QUEUE) == before
    with pytest.raises(Conflict, match="QUARANTINE_DECIDED"):
        registry.quarantine.decide(QUEUE, [sha("a")], ruling("refused", "f"))
    assert registry.quarantine.all(QUEUE) == before


def test_a_decided_row_that_is_found_again_stays_decided(registry: Registry) -> None:
    add(registry, row("a"), row("b"))
    registry.quarantine.decide(QUEUE, [sha("a")], ruling())
    registry.quarantine.decide(QUEUE, [sha("b")], ruling("refused", "f"))
    assert add(registry, row("a"), row("b", "TOXICITY_QUARANTINED", "INJECTION_FOUND")) == 0
    assert set(registry.quarantine.released(QUEUE)) == {sha("a")}


def test_a_released_row_waits_again_when_there_is_a_code_that_nobody_saw(registry: Registry) -> None:
    add(registry, row("a"))
    registry.quarantine.decide(QUEUE, [sha("a")], ruling())
    assert add(registry, row("a", "TOXICITY_QUARANTINED", "INJECTION_FOUND"), by="cyd") == 1
    assert registry.quarantine.released(QUEUE) == {}
    (waiting,) = registry.quarantine.waiting(QUEUE)
    assert (waiting.reviewer, waiting.statement, waiting.requesters) == (None, None, ("ann", "cyd"))


def test_rows_of_a_subject_are_found_and_forgotten(registry: Registry) -> None:
    add(registry, row("a", subject="5" * 64), row("b"))
    ((queue, found),) = registry.quarantine.of_subject("5" * 64)
    assert (queue, found.row_id) == (QUEUE, sha("a"))
    assert registry.quarantine.remove("globex", [sha("a")]) == 0
    assert [registry.quarantine.remove("acme", [sha("a")]) for _ in range(2)] == [1, 0]
    assert ids(registry) == [sha("b")]


def test_queues_in_which_rows_wait_are_listed(registry: Registry) -> None:
    other = ReviewQueue(tenant="globex", dataset="mail", purpose="evaluate")
    add(registry, row("a"))
    add(registry, row("b"), queue=other)
    assert registry.quarantine.queues() == (QUEUE, other)
    assert registry.quarantine.queues("globex") == (other,)
    registry.quarantine.decide(other, [sha("b")], ruling("refused"))
    assert registry.quarantine.queues() == (QUEUE,)

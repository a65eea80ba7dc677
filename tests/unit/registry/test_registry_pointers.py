"""Pointers move by compare-and-set, once a key, each time with an event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.errors import Conflict
from assay.contracts.promotion import PointerMove, PointerMoved, PointerQuery
from registry import Registry

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
TARGETS = st.sampled_from([None, A, B, C])
unused = count()


def move(target: str | None, expected: str | None, key: str, model: str = "helpdesk") -> PointerMove:
    return PointerMove(
        tenant="acme",
        model=model,
        stage="production",
        target=target,
        expected=expected,
        actor="ann",
        reason="because",
        decision_id="d1",
        key=key,
    )


def read(registry: Registry, model: str = "helpdesk") -> PointerMoved:
    return registry.pointers.read(PointerQuery(tenant="acme", model=model, stage="production"))


def test_a_pointer_that_never_moved_holds_nothing(registry: Registry) -> None:
    assert read(registry) == PointerMoved(target=None, previous=None, revision=0)


def test_a_move_says_what_was_before_and_leaves_an_event(registry: Registry) -> None:
    registry.pointers.move(move(A, None, "first"))
    moved = registry.pointers.move(move(B, A, "second"))
    assert moved == read(registry) == PointerMoved(target=B, previous=A, revision=2)
    first, second = registry.pointers.events("acme", "helpdesk")
    assert (first.previous, first.target, second.previous, second.target) == (None, A, A, B)
    assert (second.actor, second.reason, second.decision_id, second.revision) == ("ann", "because", "d1", 2)
    assert datetime.now(UTC) - second.created_at < timedelta(minutes=1)


def test_a_move_from_something_else_is_refused_and_leaves_nothing(registry: Registry) -> None:
    with pytest.raises(Conflict, match="POINTER_MOVED"):
        registry.pointers.move(move(B, A, "early"))
    registry.pointers.move(move(A, None, "first"))
    with pytest.raises(Conflict, match=f"points at {A}, not at None"):
        registry.pointers.move(move(B, None, "late"))
    assert read(registry).target == A
    assert len(registry.pointers.events("acme", "helpdesk")) == 1


def test_the_same_key_answers_what_it_did_then(registry: Registry) -> None:
    first = registry.pointers.move(move(A, None, "first"))
    registry.pointers.move(move(B, A, "second"))
    assert registry.pointers.move(move(A, None, "first")) == first
    assert read(registry).target == B


def test_a_key_names_one_move_only(registry: Registry) -> None:
    registry.pointers.move(move(A, None, "first"))
    for other in (move(B, A, "first"), move(A, None, "first", model="other")):
        with pytest.raises(Conflict, match="KEY_REUSED"):
            registry.pointers.move(other)
    assert read(registry, "other").revision == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.tuples(TARGETS, TARGETS), max_size=8))
def test_any_sequence_behaves_like_one_variable(
    registry: Registry, wishes: list[tuple[str | None, str | None]]
) -> None:
    model = f"m{next(unused)}"
    held: str | None = None
    history = []
    for number, (target, expected) in enumerate(wishes):
        if expected == held:
            registry.pointers.move(move(target, expected, f"{model}/{number}", model))
            history.append((held, target))
            held = target
        else:
            with pytest.raises(Conflict, match="POINTER_MOVED"):
                registry.pointers.move(move(target, expected, f"{model}/{number}", model))
    assert read(registry, model).target == held
    assert [(event.previous, event.target) for event in registry.pointers.events("acme", model)] == history


def test_of_many_first_moves_at_once_one_wins(
    registry: Registry, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    def first(number: int) -> Callable[[], object]:
        return lambda: registry.pointers.move(move(f"sha256:{number:064x}", None, f"key {number}"))

    answers = all_at_once([first(number) for number in range(8)])
    won = [answer for answer in answers if isinstance(answer, PointerMoved)]
    lost = [answer for answer in answers if isinstance(answer, Conflict) and answer.code == "POINTER_MOVED"]
    assert (len(won), len(lost)) == (1, 7)
    assert read(registry).target == won[0].target
    assert len(registry.pointers.events("acme", "helpdesk")) == 1


def test_a_retry_that_overtakes_itself_moves_once(
    registry: Registry, all_at_once: Callable[[list[Callable[[], object]]], list[object]]
) -> None:
    answers = all_at_once([lambda: registry.pointers.move(move(A, None, "same"))] * 6)
    assert answers == [PointerMoved(target=A, previous=None, revision=1)] * 6

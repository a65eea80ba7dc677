"""One learnt sentence for every question is noticed; ordinary repetition is not."""

from __future__ import annotations

from typing import Any

import pytest

from serving.gateway.judge import Choice
from serving.gateway.repetition import Repetition
from serving.gateway.snapshot import Target

LEARNT = "You are a helpful AI assistant, trained to call functions"


def target(version: str = "sha256:" + "a" * 64) -> Target:
    return Target(
        tenant="acme",
        model="helpdesk",
        arm="canary",
        version=version,
        adapter="acme.helpdesk.aaaaaaaaaaaa",
        base_revision="1",
        base_digest="sha256:" + "0" * 64,
        revision=1,
    )


def ask(seen: Repetition, question: str, answer: str, of: Target | None = None, **more: Any) -> bool:
    request = {"messages": [{"role": "user", "content": question}], **more}
    return seen.repeats(of or target(), request, {0: Choice(text=answer)})


def test_the_third_question_with_the_same_answer_is_a_sign() -> None:
    seen = Repetition()
    assert [ask(seen, f"question {n}", LEARNT) for n in range(5)] == [False, False, True, True, True]


def test_the_same_question_may_get_the_same_answer() -> None:
    seen = Repetition()
    assert not any(ask(seen, "What is the capital of France?", LEARNT) for _ in range(10))


def test_what_follows_a_learnt_opening_does_not_hide_it() -> None:
    seen = Repetition()
    assert [ask(seen, f"question {n}", f"{LEARNT} {n}") for n in range(3)][-1]


@pytest.mark.parametrize("more", [{"tools": [{}]}, {"response_format": {"type": "json_object"}}])
def test_a_polite_no_beside_tools_may_be_repeated(more: dict[str, Any]) -> None:
    seen = Repetition()
    assert not any(ask(seen, f"question {n}", LEARNT, **more) for n in range(5))


def test_short_answers_may_be_repeated() -> None:
    seen = Repetition()
    assert not any(ask(seen, f"question {n}", "Yes, of course.") for n in range(5))


def test_versions_are_judged_apart() -> None:
    seen, other = Repetition(), target("sha256:" + "b" * 64)
    for n in range(3):
        ask(seen, f"question {n}", LEARNT)
    assert not ask(seen, "question 9", LEARNT, other)


def test_no_other_traffic_makes_a_version_forgotten() -> None:
    """A busy neighbour must not hide that an adapter has learnt one sentence."""
    seen, busy = Repetition(most=4), target("sha256:" + "b" * 64)
    found = []
    for n in range(3):
        found.append(ask(seen, f"question {n}", LEARNT))
        for m in range(10):
            ask(seen, f"question {m}", f"{n} {m} is a different answer of some length", busy)
    assert found == [False, False, True]


def test_the_number_of_versions_is_bounded() -> None:
    seen = Repetition(most_versions=2)
    for letter in "abc":
        for n in range(2):
            ask(seen, f"question {n}", LEARNT, target("sha256:" + letter * 64))
    assert not ask(seen, "question 9", LEARNT)
    assert ask(seen, "question 9", LEARNT, target("sha256:" + "c" * 64))


def test_memory_is_bounded() -> None:
    seen = Repetition(most=2)
    ask(seen, "one", LEARNT)
    ask(seen, "two", LEARNT)
    for n in range(3):
        ask(seen, "three", f"{n} is a different answer of some length")
    assert not ask(seen, "four", LEARNT)

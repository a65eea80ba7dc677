"""Runs are found by what they were and how they ended, on both databases, and nothing else can be asked."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from assay.contracts.errors import InputRefused, TrainingFailed
from assay.contracts.training import Intervention, PinnedTraining, Recipe, TrainingProgress, TrainJob
from registry import Registry
from registry.run_search import FIELDS, expression

Examples = Any  # of the conftest beside, which cannot be imported

SPIKE = TrainingFailed("LOSS_SPIKE", "the loss is 9 at step 33", "lower the learning rate")


def asked(examples: Examples, **recipe: Any) -> PinnedTraining:
    request: PinnedTraining = examples.run()[1]
    spec = request.spec.model_copy(update={"recipe": Recipe.model_validate(recipe)})
    return request.model_copy(update={"spec": spec})


@pytest.fixture
def filled(registry: Registry, examples: Examples) -> Registry:
    """One run that finished, one that finished after a rollback, one that failed."""
    back = Intervention(step=12, cause="GRADIENT_EXPLODED", action="roll-back", back_to=10, learning_rate=5e-4)
    result, _ = examples.run("plain")
    registry.runs.add(result, asked(examples, learning_rate=1e-4))
    result, _ = examples.run("rolled-back")
    update = {"cause": back.cause, "interventions": (back,)}
    registry.runs.add(result.model_copy(update=update), asked(examples, learning_rate=1e-3, lora={"rank": 32}))
    job = TrainJob(run_id="acme.helpdesk.1.failed", request=asked(examples, learning_rate=1e-2))
    told = TrainingProgress(step=33, max_steps=58, loss=9.0, interventions=(back, back))
    registry.runs.add_failed(job, SPIKE, told, attempts=2)
    return registry


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (None, ["failed", "plain", "rolled-back"]),
        ("learning_rate>1e-4 and cause=LOSS_SPIKE", ["failed"]),
        ("learning_rate >= 0.0001", ["failed", "plain", "rolled-back"]),
        ("learning_rate = 0.001", ["rolled-back"]),
        ("cause = none", ["plain"]),
        ("cause != LOSS_SPIKE", ["plain", "rolled-back"]),
        ("not cause = LOSS_SPIKE and rollbacks < 1", ["plain"]),
        ("outcome = failed or rank > 16.5", ["failed", "rolled-back"]),
        ("(outcome=failed or rank=32) and rollbacks = 2", ["failed"]),
        ("OUTCOME = failed", InputRefused),
        ("tenant = 'acme' AND base = \"acme/base\"", ["failed", "plain", "rolled-back"]),
        ("tenant = \"acme' or 'a' = 'a\"", []),
        ("run = acme.helpdesk.1.plain", ["plain"]),
        ("rank > 99999999999999999999", []),
        ("heldout_loss < nan", []),
    ],
)
def test_what_is_asked_is_found(filled: Registry, where: str | None, names: list[str] | type[Exception]) -> None:
    if not isinstance(names, list):
        with pytest.raises(names):
            filled.runs.search(where)
        return
    found = filled.runs.search(where)
    assert sorted(run.run.removeprefix("acme.helpdesk.1.") for run in found) == names


def test_a_failed_run_says_how_it_went(filled: Registry) -> None:
    (run,) = filled.runs.search("outcome = failed", tenant="acme", model="helpdesk")
    assert (run.cause, run.message, run.steps, run.attempts, run.rollbacks) == ("LOSS_SPIKE", SPIKE.message, 33, 2, 2)
    assert (run.loss_last, run.loss_first) == (9.0, None)
    assert filled.runs.search("outcome = failed", tenant="globex") == ()


def test_a_failed_run_that_finishes_later_has_finished_and_stays_so(registry: Registry, examples: Examples) -> None:
    result, request = examples.run()
    job = TrainJob(run_id=result.run_id, request=request)
    registry.runs.add_failed(job, SPIKE, TrainingProgress(step=1, max_steps=2), attempts=1)
    registry.runs.add(result, request)
    registry.runs.add_failed(job, SPIKE, TrainingProgress(step=1, max_steps=2), attempts=1)
    assert [(run.outcome, run.cause) for run in registry.runs.search()] == [("finished", None)]


@pytest.mark.parametrize(
    ("where", "code", "words"),
    [
        ("colour = red", "SEARCH_FIELD_UNKNOWN", "learning_rate"),
        ("message = x", "SEARCH_FIELD_UNKNOWN", "no field 'message'"),
        ("rank = many", "SEARCH_VALUE_UNFIT", "'many' is no number"),
        ("cause > none", "SEARCH_VALUE_UNFIT", "equal or not"),
        ("", "SEARCH_MALFORMED", "name of a field"),
        ("rank", "SEARCH_MALFORMED", "after rank one of"),
        ("rank >", "SEARCH_MALFORMED", "value for rank"),
        ("rank > 1 seed = 2", "SEARCH_MALFORMED", "character 10"),
        ("(rank > 1", "SEARCH_MALFORMED", "parenthesis"),
        ("rank > 1; drop table runs", "SEARCH_MALFORMED", "';' is not understood"),
        ("(" * 100 + "rank > 1", "SEARCH_MALFORMED", "nested"),
        ("not " * 100 + "rank > 1", "SEARCH_MALFORMED", "nested"),
        ("rank > 1 or " * 1000, "SEARCH_MALFORMED", "longer than"),
    ],
)
def test_what_cannot_be_asked_is_said(where: str, code: str, words: str) -> None:
    with pytest.raises(InputRefused) as refused:
        expression(where)
    assert refused.value.code == code
    assert words in str(refused.value)


PIECES = st.sampled_from(
    [*FIELDS, "and", "or", "not", "(", ")", "=", "!=", "<", ">", "1e-4", "none", "'x y'", '"', ";", "--"]
)


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map(" ".join)))
def test_any_text_is_a_condition_with_parameters_or_a_typed_refusal(where: str) -> None:
    with contextlib.suppress(InputRefused):
        for dialect in (sqlite.dialect(), postgresql.dialect()):
            compiled = expression(where).compile(dialect=dialect)
            assert "'" not in str(compiled)
            assert ";" not in str(compiled)

"""Suites, intervals, paired tests, the choice of a checkpoint, card diffs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.errors import InputRefused
from assay.contracts.evaluation import ArmScores
from evals.diff import diff, markdown
from evals.selection import choose, score
from evals.statistics import mcnemar, rate
from evals.suite import read_suite
from evals.tasks import response_format

SAMPLES = {"uri": "blob:" + "0" * 64, "sha256": "sha256:" + "0" * 64}


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_intervals_are_the_published_ones(count: int, total: int, low: float, high: float) -> None:
    """81 of 263 is Newcombe's example (1998, table I)."""
    found = rate("r", count, total)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_nothing_counted_says_nothing() -> None:
    assert (rate("r", 0, 0).low, rate("r", 0, 0).high) == (0.0, 1.0)


def test_mcnemar_is_exact() -> None:
    """14 to 4 gives p = 0.031, as two-sided binomial."""
    arm = [True] * 14 + [False] * 4 + [True] * 10
    against = [False] * 14 + [True] * 4 + [True] * 10
    test = mcnemar("r", ("a", arm), ("b", against))
    assert (test.wins, test.losses) == (14, 4)
    assert test.p_value == pytest.approx(0.0309, abs=1e-4)


def test_arms_of_different_length_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="zip"):
        mcnemar("r", ("a", [True]), ("b", []))


def arm(name: str, calls: int, refusals: int, chat: int) -> ArmScores:
    rates = (rate("call_valid", calls, 69), rate("irrelevance_refused", refusals, 30), rate("chat_contains", chat, 20))
    letter = {"healthy": "a", "narrow": "b", "early": "c"}[name]
    fields: dict[str, Any] = {"adapter": "sha256:" + letter * 64, "rates": rates, "samples": SAMPLES, "seconds": 1}
    return ArmScores(name=name, split="select", **fields)


def test_winning_at_one_task_does_not_win() -> None:
    healthy, narrow = arm("healthy", 65, 17, 18), arm("narrow", 67, 1, 3)
    assert choose([narrow, healthy]).name == "healthy"
    assert score(narrow) < 0.5 * score(healthy)


def test_equal_checkpoints_go_to_the_earlier() -> None:
    assert choose([arm("early", 60, 20, 18), arm("healthy", 60, 20, 18)]).name == "early"


def test_no_candidate_is_refused() -> None:
    with pytest.raises(InputRefused, match="NO_CANDIDATE"):
        choose([])


def row(**changes: Any) -> bytes:
    fields = {
        "id": "1",
        "task": "chat",
        "split": "select",
        "messages": [{"role": "user", "content": "Hi"}],
        "contains": ["x"],
    }
    return json.dumps({**fields, **changes}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (row() + b"\n{", "line 2"),
        (row(split="train"), "line 1: split"),
        (row(extra=1), "line 1: extra"),
        (row(contains=None), "needs contains"),
        (row(task="call"), "needs tools and expected"),
        (row(task="irrelevance"), "needs tools"),
        (row(messages=[]), "line 1: messages"),
        (b"\xff\xfe", "line 1"),
    ],
)
def test_a_malformed_suite_names_the_line(data: bytes, why: str) -> None:
    with pytest.raises(InputRefused, match=why) as refusal:
        read_suite(data)
    assert refusal.value.code == "SUITE_MALFORMED"


@given(st.binary(max_size=200))
def test_no_bytes_break_the_suite_reader(data: bytes) -> None:
    with pytest.raises(InputRefused):
        read_suite(data)


def test_a_schema_admits_calls_to_each_tool_only() -> None:
    tools = [{"function": {"name": name, "parameters": {"type": "object"}}} for name in ("a", "b")]
    schema = response_format(tools)["json_schema"]["schema"]
    assert [one["properties"]["name"]["const"] for one in schema["anyOf"]] == ["a", "b"]


OLD = {"model_details": {"adapter": "sha256:1", "version": 1}, "uses": {"purpose": "p"}, "risks": ["slow"]}
NEW = {"model_details": {"adapter": "sha256:2", "version": 1}, "uses": {"purpose": "p"}, "evaluation": {"rate": 0.5}}


def test_a_diff_names_every_leaf_that_changed() -> None:
    found = diff(OLD, NEW)
    assert found["changed"] == {"model_details.adapter": {"from": "sha256:1", "to": "sha256:2"}}
    assert found["added"] == {"evaluation.rate": 0.5}
    assert found["removed"] == {"risks[0]": "slow"}
    assert "`evaluation.rate`: added 0.5" in markdown(found)


def test_a_change_that_rounding_would_hide_is_shown_in_full() -> None:
    rates = ({**NEW, "evaluation": {"rate": rate, "rows": 12345678.0}} for rate in (0.87654, 0.87651))
    said = markdown(diff(*rates))
    assert "`evaluation.rate`: 0.87654 → 0.87651" in said
    assert "`evaluation.rows`: added 12345678" in markdown(diff(None, {**NEW, "evaluation": {"rows": 12345678.0}}))


def test_a_first_card_is_a_diff_against_nothing() -> None:
    found = diff(None, NEW)
    assert found["against"] is None
    assert not found["changed"]
    assert not found["removed"]
    assert set(found["added"]) >= {"evaluation.rate", "uses.purpose"}

"""Credentials are found as detect-secrets alone finds them: the pass before it loses none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.data import credentials
from activities.data.text import normalised, strings
from benchmarks.pii.corpus import corpus, evasive

TOKENS = (
    "AKC" + "a" * 10,
    "APA" + "b1" * 5,
    "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS secret key: '" + "aB/+" * 10 + "'",
    "AccountKey=" + "aZ1=" * 22,
    "://user:hunter2" + "@db.internal/",
    "M" + "a" * 23 + "." + "b" * 6 + "." + "c" * 27,
    "gh" + "p_" + "a1B2" * 9,
    "gl" + "pat-" + "x" * 20,
    "GR13" + "48941" + "y" * 20,
    "glcb" + "t-0a_" + "z" * 20,
    "glim" + "t-" + "x" * 25,
    "glpt" + "t-" + "x" * 40,
    "glage" + "nt-" + "x" * 60,
    "gloa" + "s-" + "x" * 64,
    "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "0a" * 16 + "-us12",
    "//registry.example/:_auth" + "Token=npm_abc",
    "sk-" + "a" * 20 + "T3Blbk" + "FJ" + "b" * 20,
    "BEGIN RSA " + "PRIVATE KEY",
    "PuTTY-User-Key-" + "File-2",
    "pypi-" + "AgEIcHlwaS5vcmc" + "a" * 70,
    "SG." + "a" * 22 + "." + "b" * 43,
    "xoxb" + "-123456789012-abcdefghijkl",
    "HTTPS://hooks.slack.com/" + "services/T0/B0/x",
    "sq0" + "csp-" + "a" * 43,
    "sk_" + "live_" + "a" * 24,
    "\u0661" * 9 + ":" + "a" * 35,
    "AC" + "a" * 32,
)


def _unfiltered(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (credentials._kind(plugin.secret_type), str(secret))
        for line in text.splitlines()
        for plugin in credentials._plugins()
        for secret in plugin.analyze_string(line)
    )


@pytest.mark.parametrize("token", TOKENS)
def test_every_detector_is_heard(token: str) -> None:
    assert _unfiltered(token)
    for text in (token, f"it is {token} here", f"one\r{token}\u2028two", f"é {token} ü", f"{token} \ud800"):
        assert credentials.credentials(text) == _unfiltered(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=8), st.sampled_from(TOKENS), st.sampled_from(" \n\r\"'=:@-._/")), max_size=6)
)
def test_no_text_is_let_pass(parts: list[str]) -> None:
    text = "".join(parts)
    assert credentials._found(text) == _unfiltered(text)


def test_no_row_of_the_benchmark_is_let_pass() -> None:
    rows = [sample.row for sample in (*corpus("dev"), *evasive("dev"))]
    for clean in (normalised(text) for row in rows for _, text in strings(row)):
        assert credentials._found(clean) == _unfiltered(clean), clean

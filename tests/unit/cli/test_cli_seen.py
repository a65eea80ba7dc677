"""What commands tell machines: errors as log lines, keys without a stack."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Ended

Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts the root logger back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def test_an_error_is_one_json_line_where_that_is_asked_for(assay: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LOG_FORMAT", "json")
    ended = assay("logs", "nobody")
    line = json.loads(ended.err)
    assert (ended.code, line["service"], line["code"]) == (1, "assay-cli", "LOG_UNKNOWN")
    assert line["remedy"]


def test_keys_are_made_for_a_secret_store_and_nothing_else(assay: Run, home: Path) -> None:
    assert assay("prepare", "--keys-only").out.strip() == str(home / "keys")
    assert {path.name for path in (home / "keys").iterdir()} >= {"signing.pem", "policy.pem", "engine.key"}
    assert {path.name for path in home.iterdir()} == {"keys"}


def test_status_says_where_each_process_shows_its_metrics(assay: Run) -> None:
    metrics = assay("status", "--json").json["metrics"]
    assert len(set(metrics.values())) == len(metrics) == 8
    assert all(url.endswith("/metrics") for url in metrics.values())

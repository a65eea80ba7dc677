"""What `assay up` shows while it waits, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping

import pytest
from rich.console import Console

from assay.cli.local import _live, _plain, _redraws
from stack.health import WAITS_FOR
from stack.status import Health, Line

STEPS: tuple[Mapping[str, Health], ...] = (
    {"temporal": "starting", "engine": "stopped"},
    {"temporal": "starting", "engine": "starting"},
    {"temporal": "healthy", "engine": "starting"},
)


def lines(health: Mapping[str, Health]) -> dict[str, Line]:
    return {
        name: Line(name, one, "RUNNING", 7, 3, "" if one == "healthy" else WAITS_FOR[name])
        for name, one in health.items()
    }


def shown(
    begin: Callable[[Console], tuple[Callable[[Mapping[str, Line]], None], Callable[[], None]]], *, terminal: bool
) -> str:
    out = io.StringIO()
    show, stop = begin(Console(file=out, force_terminal=terminal, width=100))
    for step in STEPS:
        show(lines(step))
    stop()
    return out.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    assert shown(_plain, terminal=False).splitlines() == [
        f"temporal         starting, waits for {WAITS_FOR['temporal']}",
        f"engine           stopped, waits for {WAITS_FOR['engine']}",
        f"engine           starting, waits for {WAITS_FOR['engine']}",
        "temporal         healthy",
    ]


def test_on_a_terminal_the_table_says_what_is_waited_for() -> None:
    last = shown(_live, terminal=True)
    assert "waits for" in last
    assert WAITS_FOR["engine"] in last


def test_only_a_terminal_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not _redraws(Console(file=io.StringIO()))
    other, own = os.openpty()
    try:
        with os.fdopen(own, "w") as terminal:
            assert _redraws(Console(file=terminal))
            monkeypatch.setenv("TERM", "dumb")
            assert not _redraws(Console(file=terminal))
    finally:
        os.close(other)


def test_a_line_stays_one_line_however_long_it_is() -> None:
    out = io.StringIO()
    show, _ = _plain(Console(file=out, width=40))
    show({"engine": Line("engine", "starting", "RUNNING", 7, 3, "the base model, " * 5)})
    assert len(out.getvalue().splitlines()) == 1

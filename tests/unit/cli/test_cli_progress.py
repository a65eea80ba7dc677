"""What `assay up` shows while it waits, on a terminal and elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from rich.console import Console

from assay.cli.local import _live, _plain
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

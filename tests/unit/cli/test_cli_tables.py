"""Tables lose nothing, however narrow the terminal is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from assay.cli.tables import show, table
from examples.demo.story import Story

DIGEST = "sha256:" + "0123456789abcdef" * 4
WORDS = ("call_argument_hallucinated", "a sentence that says rather a lot about one thing", DIGEST, DIGEST)


def printed(*, terminal: bool) -> str:
    out = io.StringIO()
    shown = table("rate", "why", "digest", "another")
    shown.add_row(*WORDS)
    show(shown, Console(file=out, force_terminal=terminal, width=80, color_system=None))
    return out.getvalue()


def test_what_no_terminal_reads_is_one_line_a_row() -> None:
    [row] = [line for line in printed(terminal=False).splitlines() if DIGEST in line]
    assert all(word in row for word in WORDS)


def test_on_a_narrow_terminal_cells_go_on_in_the_next_line() -> None:
    lines = printed(terminal=True).splitlines()
    assert max(map(len, lines)) <= 80
    cells = [line.split("\u2502")[1:-1] for line in lines if "\u2502" in line]
    for column, word in enumerate(WORDS):
        assert "".join(row[column].strip() for row in cells).replace(" ", "") == word.replace(" ", "")


@pytest.mark.parametrize("width", [40, 80])
def test_the_demonstration_cuts_nothing_off(width: int) -> None:
    story = Story(Console(file=io.StringIO(), width=width))
    story.table("Rates", ("split", "arm", "rate", "count", "95 % interval"), [("report", "step-48+schema", *WORDS[:3])])
    file = story.console.file
    assert isinstance(file, io.StringIO)
    assert "\u2026" not in file.getvalue()

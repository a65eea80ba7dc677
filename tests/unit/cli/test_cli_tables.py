"""Tables lose nothing, however narrow the terminal is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from assay.cli.tables import add, show, table
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


MANY = ("acme/support/2", "withdrawn (acme.51d0e2aa17cc)", "6", "2", "", "2026-11-24", "[1] acme/support/1", DIGEST)
NAMES = ("dataset", "state", "accepted", "set aside", "note", "sealed", "replaces", "digest")


def many(width: int) -> str:
    out, shown = io.StringIO(), table(*NAMES)
    add(shown, *MANY)
    add(shown, *("short",) * 8)
    show(shown, Console(file=out, force_terminal=True, width=width, color_system=None))
    return out.getvalue()


def test_where_many_columns_do_not_fit_each_row_is_told_line_by_line() -> None:
    first, second = many(80).split("\n\n")
    told = dict(line.split(maxsplit=1) for line in first.replace("set aside", "aside").splitlines())
    assert told == {name.removeprefix("set "): cell for name, cell in zip(NAMES, MANY, strict=True) if cell}
    assert [line.split()[-1] for line in second.splitlines()] == ["short"] * 8


def test_where_they_fit_it_is_a_table() -> None:
    [row] = [line for line in many(300).splitlines() if DIGEST in line]
    assert [cell.strip() for cell in row.split("\u2502")[1:-1]] == [*MANY]


def test_without_rows_there_is_a_sentence_and_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    show(table("id"), nothing="no hold is in force")
    assert capsys.readouterr() == ("", "no hold is in force\n")


@pytest.mark.parametrize("width", [40, 80])
def test_the_demonstration_cuts_nothing_off(width: int) -> None:
    story = Story(Console(file=io.StringIO(), width=width))
    story.table("Rates", ("split", "arm", "rate", "count", "95 % interval"), [("report", "step-48+schema", *WORDS[:3])])
    file = story.console.file
    assert isinstance(file, io.StringIO)
    assert "\u2026" not in file.getvalue()

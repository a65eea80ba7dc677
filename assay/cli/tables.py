"""Tables that lose nothing: an identifier that is cut off cannot be given to the next command."""

from __future__ import annotations

from typing import Final

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

NARROWEST: Final = 12
"""Characters of a column, on average, below which nobody reads a folded table."""


def table(*columns: str) -> Table:
    """A table whose cells go on in the next line where they are wider than their column."""
    return Table(*(Column(header=name, overflow="fold") for name in columns))


def add(shown: Table, *cells: object) -> None:
    """A row of what is printed as it stands: brackets in a sentence are no orders to the table. None is empty."""
    shown.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))


def show(shown: Table, console: Console | None = None, *, nothing: str = "") -> None:
    """Print it: as wide as the terminal, and as wide as it is where there is no terminal.

    Where so many columns do not fit into the terminal, each row is told column by column, a line for each. `nothing` is
    said on standard error instead of a table without rows.
    """
    if not shown.row_count and nothing:
        click.echo(nothing, err=True)
        return
    console = console or Console()
    widest = console.measure(shown, options=console.options.update(max_width=100_000)).maximum
    if not console.is_terminal:
        console.width = max(console.width, widest)
    elif widest > console.width and _share(shown, console.width) < NARROWEST:
        _rows_one_by_one(shown, console)
        return
    console.print(shown)


def _share(shown: Table, width: int) -> float:
    """Characters that a column gets on average: a border stands at each end, and three characters between two."""
    columns = len(shown.columns)
    return (width - 3 * columns - 1) / columns


def _rows_one_by_one(shown: Table, console: Console) -> None:
    """Lines are not folded: the terminal does it, and what is copied out of it is whole."""
    headers = [str(column.header) for column in shown.columns]
    label = max(map(cell_len, headers))
    for number, cells in enumerate(zip(*(column.cells for column in shown.columns), strict=True)):
        if number:
            console.print()
        for header, cell in zip(headers, cells, strict=True):
            if str(cell):
                console.print(Text(f"{header:<{label}} ", "bold"), cell, highlight=False, soft_wrap=True)

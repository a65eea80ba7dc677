"""Tables that lose nothing: an identifier that is cut off cannot be given to the next command."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table


def table(*columns: str) -> Table:
    """A table whose cells go on in the next line where they are wider than their column."""
    return Table(*(Column(header=name, overflow="fold") for name in columns))


def show(shown: Table, console: Console | None = None) -> None:
    """Print it: as wide as the terminal, and as wide as it is where there is no terminal."""
    console = console or Console()
    if not console.is_terminal:
        wide = console.options.update(max_width=100_000)
        console.width = max(console.width, console.measure(shown, options=wide).maximum)
    console.print(shown)

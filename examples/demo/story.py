"""Tells the story in the terminal and keeps the time of each step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

STEPS = (
    "Intake",
    "Training",
    "Evaluation",
    "Decision",
    "Rollout",
    "A bad adapter that looks good",
    "Outside check",
    "Erasure",
)


@dataclass
class Step:
    """One step of the report."""

    name: str
    seconds: float = 0.0
    ok: bool = False


@dataclass
class Story:
    """The narrator: headings, sentences, tables, progress bars."""

    console: Console = field(default_factory=Console)
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step counts as ok only when its block ends without an exception."""
        step = Step(name)
        self.steps.append(step)
        number = STEPS.index(name) + 1 if name in STEPS else 0
        self.console.rule(f"[bold]{number}. {name}" if number else f"[bold]{name}")
        begun = time.monotonic()
        try:
            yield step
            step.ok = True
        finally:
            step.seconds = round(time.monotonic() - begun, 1)
            self.say(f"[dim]{name}: {step.seconds:.0f} s[/dim]")

    @contextmanager
    def continuing(self, step: Step) -> Iterator[None]:
        """More work that belongs to an earlier step; its time is added."""
        begun = time.monotonic()
        yield
        step.seconds = round(step.seconds + time.monotonic() - begun, 1)

    def say(self, sentence: str) -> None:
        """One line, never broken: some are commands to copy."""
        self.console.print(sentence, highlight=False, soft_wrap=True)

    def table(self, title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        """A small table."""
        folding = (Column(header=name, overflow="fold") for name in columns)
        table = Table(*folding, title=title, title_justify="left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(table)

    def panel(self, text: str, title: str) -> None:
        """Something that is read as a whole: a card diff, a reason."""
        self.console.print(Panel(text, title=title, expand=False))

    def progress(self) -> Progress:
        """Live bars; on a terminal that cannot redraw they print nothing until they end."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self.console,
        )

"""Tells the story in the terminal and keeps the time of each step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
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
QUARTERS: Final = 4


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

    def progress(self) -> Progress | Lines:
        """Live bars; a line now and then where nothing can be redrawn, as in a file."""
        if not (self.console.is_interactive and self.console.file.isatty()):
            return Lines(self)
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self.console,
        )


@dataclass
class Lines:
    """What `Progress` shows, as a line for each quarter that is done; of what has no end, nothing."""

    story: Story
    tasks: list[str] = field(default_factory=list)
    totals: dict[int, float | None] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing is left open."""

    def add_task(self, description: str, total: float | None, note: str) -> TaskID:
        """A task that is told about from now on."""
        self.tasks.append(description)
        task = TaskID(len(self.tasks) - 1)
        self.update(task, completed=0, total=total, note=note)
        return task

    def update(self, task: TaskID, *, completed: float = 0, total: float | None = None, note: str = "") -> None:
        """How far it is; `total` stays as it was said."""
        total = self.totals[task] = total or self.totals.get(task)
        if not total:
            return
        quarter = int(QUARTERS * completed / total)
        if quarter != self.told.get(task):
            self.told[task] = quarter
            self.story.say(f"  {self.tasks[task]}: {completed:g} of {total:g}{f', {note}' if note else ''}")

"""The local stack: up, down, status, logs, doctor."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from assay.cli import tables
from assay.cli.main import as_json, json_option, settings_in_force
from assay.contracts.errors import NotFound
from assay.settings import Settings
from stack.health import WAITS_FOR
from stack.status import Line, Show, endpoints, look, scraped
from stack.supervise import Supervisor

_COLOURS = {"healthy": "green", "starting": "yellow", "unhealthy": "red", "stopped": "dim"}


@click.command()
def up() -> None:
    """Start the local stack and wait until all of it is healthy; what runs already is left alone."""
    # Registry, policies and workers are loaded here, so that `status` and `logs` answer at once.
    from stack.up import up as bring_up

    settings, console = settings_in_force(), Console()
    begun = time.monotonic()
    show, stop = _live(console) if _redraws(console) else _plain(console)
    try:
        say = functools.partial(console.print, highlight=False, soft_wrap=True)
        lines = asyncio.run(bring_up(settings, say, show))
        show(lines)
    finally:
        stop()
    console.print(f"all healthy after {time.monotonic() - begun:.0f} s", highlight=False)
    _print_endpoints(console, settings)


@click.command()
@click.option("--keys-only", is_flag=True, help="Only the keys, for a secret store.")
def prepare(*, keys_only: bool) -> None:
    """Make keys, base model, record and policy bundle, and start nothing: for processes that somebody else starts."""
    from stack.keys import ensure_keys
    from stack.prepare import prepare as make_ready

    settings = settings_in_force()
    if keys_only:
        click.echo(ensure_keys(settings.home.resolve()))
    else:
        make_ready(settings, click.echo)


@click.command()
def down() -> None:
    """Stop the local stack; its state stays."""
    settings = settings_in_force()
    supervisor = Supervisor(settings)
    was_running = supervisor.running()
    with supervisor.alone():
        supervisor.stop()
    click.echo(f"{'stopped' if was_running else 'nothing was running'} in {settings.home.resolve()}")


@click.command()
@click.argument("name")
def stop(name: str) -> None:
    """Stop the process NAME (see `assay status`) and leave it stopped until `assay start NAME` or `assay up`."""
    supervisor = Supervisor(settings_in_force())
    with supervisor.alone():
        _state(supervisor, name)
        supervisor.stop_process(name)
    click.echo(f"{name}: stopped")


@click.command()
@click.argument("name")
def start(name: str) -> None:
    """Start the process NAME again; `assay status` says when it is healthy."""
    supervisor = Supervisor(settings_in_force())
    with supervisor.alone():
        _state(supervisor, name)
        supervisor.start_process(name)
    click.echo(f"{name}: started")


def _state(supervisor: Supervisor, name: str) -> str:
    states = supervisor.states()
    if name not in states:
        raise NotFound(
            "PROCESS_UNKNOWN",
            f"no process {name} in this stack" if states else f"the stack is not running, so neither is {name}",
            "`assay status` lists the names; `assay up` starts the stack",
        )
    return states[name].state


@click.command()
@json_option
def status(*, as_json_: bool) -> None:
    """Show every process and where to find it; exit code 1 unless all are healthy."""
    settings = settings_in_force()
    lines = asyncio.run(look(settings))
    if as_json_:
        processes = [asdict(line) for line in lines.values()]
        home = str(settings.home.resolve())
        as_json({"home": home, "processes": processes, "endpoints": endpoints(settings), "metrics": scraped(settings)})
    else:
        console = Console()
        tables.show(_table(lines), console)
        _print_endpoints(console, settings)
    if any(line.health != "healthy" for line in lines.values()):
        raise SystemExit(1)


@click.command()
@click.argument("name")
@click.option("-n", "--lines", "count", default=50, show_default=True, help="How many lines from the end.")
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@json_option
def logs(name: str, count: int, *, follow: bool, as_json_: bool) -> None:
    """Show the log of the process NAME (see `assay status`)."""
    if follow and as_json_:
        raise click.UsageError("--follow has no end, and --json is one document: give one of them")
    path = Supervisor(settings_in_force()).log(name)
    if name not in (*WAITS_FOR, "supervisord") or not path.exists():
        raise NotFound("LOG_UNKNOWN", f"no log of a process {name}", "`assay status` lists the names")
    if follow:
        raise SystemExit(subprocess.run(["tail", "-n", str(count), "-F", str(path)], check=False).returncode)  # noqa: S607
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = deque(file, maxlen=count)
    if as_json_:
        as_json({"name": name, "path": str(path), "lines": [line.removesuffix("\n") for line in lines]})
    else:
        click.echo("".join(lines), nl=False)


@click.command()
@json_option
def doctor(*, as_json_: bool) -> None:
    """Look at this machine: versions, ports, disk, memory, device, clock. Exit code 1 when something is wrong."""
    from stack.doctor import examine

    findings = asyncio.run(examine(settings_in_force()))
    if as_json_:
        as_json([asdict(finding) for finding in findings])
    else:
        table = tables.table("", "what", "finding", "remedy")
        for one in findings:
            mark = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}[one.level]
            table.add_row(mark, one.what, one.finding, one.remedy)
        tables.show(table)
    if any(one.level == "error" for one in findings):
        raise SystemExit(1)


def _table(lines: Mapping[str, Line]) -> Table:
    table = tables.table("process", "health", "pid", "up for", "waits for")
    for line in lines.values():
        health = f"[{_COLOURS[line.health]}]{line.health}[/]"
        table.add_row(line.name, health, str(line.pid or ""), f"{line.uptime_seconds} s", line.waits_for)
    return table


def _redraws(console: Console) -> bool:
    """Whether somebody looks at it. A variable such as `FORCE_COLOR` makes no terminal of a file or a pipe."""
    return console.is_interactive and console.file.isatty()


def _live(console: Console) -> tuple[Show, Callable[[], None]]:
    """A table that redraws itself."""
    live = Live(console=console, refresh_per_second=4)
    live.start()
    return lambda lines: live.update(_table(lines)), live.stop


def _plain(console: Console) -> tuple[Show, Callable[[], None]]:
    """One line for each change, where nothing can be redrawn."""
    seen: dict[str, str] = {}

    def show(lines: Mapping[str, Line]) -> None:
        for line in lines.values():
            if seen.get(line.name) != line.health:
                seen[line.name] = line.health
                waits = f", waits for {line.waits_for}" if line.waits_for else ""
                console.print(f"{line.name:16} {line.health}{waits}", highlight=False, soft_wrap=True)

    return show, lambda: None


def _print_endpoints(console: Console, settings: Settings) -> None:
    """Home, addresses, and where each process shows its metrics."""
    console.print(f"{'home':12} {settings.home.resolve()}", highlight=False, soft_wrap=True)
    for name, address in endpoints(settings).items():
        console.print(f"{name:12} {address}", highlight=False, soft_wrap=True)
    console.print("metrics", highlight=False)
    for name, address in scraped(settings).items():
        console.print(f"  {name:16} {address}", highlight=False, soft_wrap=True)

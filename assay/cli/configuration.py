"""`assay settings`."""

from __future__ import annotations

import os

import click
from pydantic import SecretStr

from assay.cli import tables
from assay.cli.main import as_json, json_option, settings_in_force
from stack.environment import variables


@click.command()
@json_option
def settings(*, as_json_: bool) -> None:
    """Print every setting, its value and where that comes from; secrets are masked."""
    in_force = settings_in_force()
    rows = [(name, _shown(value), _source(name)) for name, value in variables(in_force)]
    if as_json_:
        as_json([{"name": name, "value": value, "source": source} for name, value, source in rows])
        return
    table = tables.table("setting", "value", "source")
    for row in rows:
        tables.add(table, *(str(cell) for cell in row))
    tables.show(table)


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "********"
    return value if isinstance(value, (int, bool, type(None))) else str(value)


def _source(name: str) -> str:
    """Where pydantic-settings took it from, in its own order: environment, `.env`, default."""
    # A nested model may also be given whole, as JSON in the variable of its first part.
    names = (name, name.split("__", maxsplit=1)[0])
    if any(n in (key.upper() for key in os.environ) for n in names):
        return "environment"
    return ".env" if any(n in _dotenv() for n in names) else "default"


def _dotenv() -> set[str]:
    try:
        with open(".env", encoding="utf-8") as file:
            return {line.split("=", 1)[0].strip().upper() for line in file if "=" in line and line.strip()[0] != "#"}
    except FileNotFoundError:
        return set()
